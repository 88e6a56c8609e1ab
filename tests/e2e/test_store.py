"""`faust -A app store`: a worker's view is right, what is changed is found, and what is lost is built again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis

from streams.feature_set import FeatureSet
from tests.e2e.world import DEADLINE_S, World

TICKS = 3_000
OTHER = 'name = "other"\nindicators = ["sma_3"]\nhistory = []\n'


async def test_show_verify_rebuild_promote(make_world: Callable[..., World], tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OTHER, encoding="utf-8")
    beside = {"HAYATE_FEATURE_SET": str(other), "HAYATE_BESIDE": "true"}
    version, base = FeatureSet.load(other).version, FeatureSet.load("classics").version
    world = make_world(partitions=2, HAYATE_FEATURE_SET="classics")
    assert world.faust("topics", **beside).returncode == 0
    workers = [world.start_worker("one"), world.start_worker("two", **beside)]
    for worker in workers:
        await worker.ready()
    feed = world.feed("simulate", "--symbols", "20", "--rate", "1000", "--count", str(TICKS))
    assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
    await world.read("features", TICKS, worker=workers[0])
    await world.read(f"features.{version}", TICKS, worker=workers[1])
    with Redis.from_url(world.services.redis_url, decode_responses=True) as redis:
        for more in ({}, beside):
            done = await asyncio.to_thread(world.faust, "store", "verify", **more)
            assert (done.returncode, done.stderr) == (0, "")
            assert "Redis has what the topic has: 20 symbols" in done.stdout
        await emptied_and_whole_again(world, redis)
        assert [worker.stop() for worker in workers] == [0, 0]
        tampered(world, redis)
        rebuilt(world, redis)
        promoted(world, redis, base, version)


async def emptied_and_whole_again(world: World, redis: Any) -> None:
    """The workers run, and nothing comes any more: they see it at the next tick of anything."""
    redis.flushall()
    feed = world.feed("simulate", "--symbols", "1", "--rate", "200", "--count", "600")
    assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_S
    while (done := await asyncio.to_thread(world.faust, "store", "verify", "--all")).returncode:
        assert loop.time() < deadline, done.stdout + done.stderr
    assert "20 symbols" in done.stdout


def tampered(world: World, redis: Any) -> None:
    redis.hset("feature:SIM001:latest", "sma_5", "1.5")
    done = world.faust("store", "verify")
    assert done.returncode == 1
    assert "SIM001: sma_5 is 1.5, the topic has" in done.stdout
    assert "hayate: 1 differences between Redis and" in done.stderr
    assert "`faust -A app store rebuild`" in done.stderr
    assert world.faust("store", "rebuild").returncode == 0
    assert world.faust("store", "verify").returncode == 0


def rebuilt(world: World, redis: Any) -> None:
    redis.flushall()
    redis.function_flush()
    redis.hset("feature:SIM001:latest", mapping={"_partition": "0", "_offset": "99999999", "sma_5": "1"})
    done = world.faust("store", "rebuild", "--clear")
    assert done.returncode == 0, done.stderr
    assert "removed 1 keys" in done.stdout
    assert "records of" in done.stdout
    done = world.faust("store", "verify", "--all", "--sample", "1000")
    assert done.returncode == 0, done.stdout + done.stderr


def promoted(world: World, redis: Any, base: str, version: str) -> None:
    assert world.faust("store", "rebuild", HAYATE_FEATURE_SET="classics").returncode == 0
    done = world.faust("store", "promote", version)
    assert done.returncode == 1
    assert f"no feature set '{version}' has symbols" in done.stderr
    other = str(world.folder / "other.toml")
    done = world.faust("store", "rebuild", HAYATE_FEATURE_SET=other, HAYATE_BESIDE="true")
    assert done.returncode == 0, done.stderr
    done = world.faust("store", "promote", version)
    assert done.stdout.strip() == f"active feature set: {version} (before: base)"
    assert redis.get("features:active") == version
    shown = world.faust("store", "show").stdout
    assert f"active set: {version}; sets with symbols: {base}, {version}" in shown
    assert "will need: 20 symbols x" in shown
    assert "maxmemory" in shown
    assert world.faust("store", "promote", "base").stdout.strip() == f"active feature set: base (before: {version})"
    assert "store promote: which feature set?" in world.faust("store", "promote").stderr
