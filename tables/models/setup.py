"""The registry that the settings name."""

from pathlib import Path
from urllib.parse import urlsplit

from streams.errors import ConfigError
from streams.settings import Settings
from tables.models.bucket import BucketStore
from tables.models.directory import DirectoryStore
from tables.models.registry import ModelRegistry, ModelStore

CACHE = "models"
"""Folder of the copies, in the data directory."""
S3 = "s3://"


def registry_for(settings: Settings, *, cached: bool = False) -> ModelRegistry:
    """The registry of `HAYATE_MODEL_REGISTRY`. Nothing is connected or read yet.

    Args:
        settings: name it.
        cached: keep copies in the data directory, as a worker does, so that it starts while the registry is away.

    Raises:
        ConfigError: it is no folder or bucket, or the package for buckets is missing.
    """
    cache = DirectoryStore(settings.data_dir / CACHE) if cached else None
    return ModelRegistry(_store(settings), cache)


def _store(settings: Settings) -> ModelStore:
    where = settings.model_registry
    if not where.startswith(S3):
        if "://" in where or not where:
            raise ConfigError(f"HAYATE_MODEL_REGISTRY={where}: give the path of a folder, or s3://bucket/prefix")
        return DirectoryStore(Path(where))
    parts = urlsplit(where)
    if not parts.hostname or parts.username or parts.query:
        raise ConfigError("HAYATE_MODEL_REGISTRY: give s3://bucket/prefix and nothing else; credentials go to boto3")
    return BucketStore(parts.netloc, parts.path, endpoint=settings.s3_endpoint)
