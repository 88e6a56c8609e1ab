"""Every store of versions, and what is behind it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tables.models.bucket import BucketStore
from tables.models.directory import DirectoryStore
from tables.models.memory import MemoryStore
from tables.models.registry import ModelStore
from tests.object_store import bucket, s3_endpoint

__all__ = ["bucket", "s3_endpoint"]


@pytest.fixture(params=["directory", "bucket", "bucket-prefix", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    """Each of them, empty."""

    def of_bucket(prefix: str) -> BucketStore:
        return BucketStore(request.getfixturevalue("bucket"), prefix, endpoint=request.getfixturevalue("s3_endpoint"))

    makers: dict[str, Callable[[], ModelStore]] = {
        "directory": lambda: DirectoryStore(tmp_path / "registry"),
        "bucket": lambda: of_bucket(""),
        "bucket-prefix": lambda: of_bucket("/models/eu/"),
        "memory": MemoryStore,
    }
    return makers[request.param]()
