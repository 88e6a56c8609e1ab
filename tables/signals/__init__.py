"""The newest signal of each symbol in Redis."""
