"""Writes the fold loop of a feature set as Python source, which streams/kernel.py compiles."""
