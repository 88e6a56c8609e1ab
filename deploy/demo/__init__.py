"""The demonstration: `make demo`, or `python -m deploy.demo` with the `local` and `demo` extras installed."""
