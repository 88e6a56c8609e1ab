"""The audit beside the workers: `faust -A app audit`."""
