"""The audit: what was served, held against the slow definitions (streams/definitions)."""
