"""Versions of trained ensembles: what one is, and where they are kept."""
