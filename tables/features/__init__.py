"""The view of the newest features in Redis: its keys, how it is written, read, filled and checked."""
