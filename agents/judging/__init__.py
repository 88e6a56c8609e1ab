"""Live quality and drift of models: what the stream itself says about them. In memory, and never on the exact path."""
