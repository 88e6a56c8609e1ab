"""Training: from ticks to a version of the ensemble, and what is to be thought of it. Needs the extra `train`."""
