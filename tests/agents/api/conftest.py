"""The same interface over Redis and over the twins in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.api.api_world import World, fill, world


@pytest.fixture(params=["memory", "redis"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """With what `fill` writes; its clock stands at NOW_NS."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with world(tmp_path, url) as made:
        await fill(made)
        yield made
