"""The slow, independent definitions of the outputs: each from its formula, over histories, in plain Python."""
