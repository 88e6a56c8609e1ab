"""Training sets: feature records of a range, once each, in columns, with labels from their future if asked."""
