"""Two feature sets on the same ticks: each with its own group, state, topics and keys, neither touching the other."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from streams.feature_set import FeatureSet
from tests.e2e.offline import Offline
from tests.e2e.world import DEADLINE_S, World, by_id

TICKS = 2_000
OTHER = 'name = "other"\nindicators = ["sma_3", "rsi_14@1s.live"]\nhistory = ["sma_3"]\n'


async def test_two_sets_side_by_side(make_world: Callable[..., World], tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OTHER, encoding="utf-8")
    version = FeatureSet.load(other).version
    beside = {"HAYATE_FEATURE_SET": str(other), "HAYATE_BESIDE": "true"}
    world = make_world(HAYATE_FEATURE_SET="classics")
    assert world.faust("topics", **beside).returncode == 0
    one = world.start_worker("one")
    two = world.start_worker("two", **beside)
    await one.ready()
    await two.ready()
    feed = world.feed("simulate", "--symbols", "20", "--rate", "1000", "--count", str(TICKS))
    assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
    ticks = await world.read("ticks", TICKS)
    live = by_id(await world.read("features", TICKS, worker=one))
    assert live == Offline("classics").features(ticks)
    assert by_id(await world.read(f"features.{version}", TICKS, worker=two)) == Offline(str(other)).features(ticks)
    assert len(by_id(await world.read(f"signals.{version}", TICKS, worker=two))) == TICKS
    assert one.stop() == two.stop() == 0
    with Redis.from_url(world.services.redis_url, decode_responses=True) as redis:
        assert redis.hget("feature:SIM001:latest", "schema") == FeatureSet.load("classics").version
        assert redis.hget(f"feature:{version}:SIM001:latest", "schema") == version
        assert redis.keys(f"feature:{version}:SIM001:sma_3:*")
        assert not redis.keys(f"feature:{version}:SIM001:rsi_14*")
        assert redis.exists("feature:SIM001:latest", f"feature:{version}:SIM001:latest") == 2
