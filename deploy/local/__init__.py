"""Kafka and Redis on this machine with nothing but pip packages: `python -m deploy.local up|down|status|logs`."""

from deploy.local.stack import DEFAULT_FOLDER, Endpoints, LocalStack

__all__ = ["DEFAULT_FOLDER", "Endpoints", "LocalStack"]
