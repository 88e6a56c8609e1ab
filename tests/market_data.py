"""Real market data for development, where they lie beside the checkout; they are no part of the project."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def folder(name: str) -> Path:
    """Return the folder `name` of the data; skips the test where it is absent."""
    path = DATA / name
    if not path.is_dir():
        pytest.skip(f"no development data at {path}")
    return path
