"""Redis goes under load and comes back empty: features come as fast as before, and the view heals by itself."""

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable

from deploy.local import LocalStack
from streams.feature_set import FeatureSet
from streams.headers import header, integer
from streams.kafka.log_reader import LogReader
from streams.records import SOURCE
from streams.settings import Settings
from tables.features.setup import verifier_for
from tables.features.verify import Verified
from tests.faults.arena import Arena
from tests.faults.evidence import Evidence

AWAY_S = float(os.environ.get("REDIS_AWAY_S") or 5.0)
"""How long it is away; 30 by hand."""
STEADY_S = 5.0
"""Of load before, to compare with, and after."""
WHOLE_S = 10.0
SLACK = 3.0
"""Median latency while it is away over that before: a busy machine is not what is measured."""
SLACK_MS = 10.0


async def test_the_stream_goes_on_and_the_view_heals(
    make_arena: Callable[..., Awaitable[Arena]], stack: LocalStack
) -> None:
    arena = await make_arena()
    arena.start_load(rate=1_000)
    worker = arena.start("one")
    await worker.ready()
    await asyncio.sleep(STEADY_S)
    moments = [_now_ms()]
    arena.say("Redis killed")
    await asyncio.to_thread(stack.kill, "redis")
    await asyncio.sleep(AWAY_S)
    moments.append(_now_ms())
    await asyncio.to_thread(stack.up)
    arena.say("Redis is back, empty")
    back = time.monotonic()
    # Under load, and quiet symbols too: nothing but the topic can bring those back.
    done = await _whole(arena, back + 3 * WHOLE_S)
    took_s = time.monotonic() - back
    arena.say(f"the view is whole after {took_s:.1f} s: {done}")
    await asyncio.sleep(STEADY_S)
    await arena.stop_load()
    await arena.drained()
    healed = worker.metric("hayate_store_heal_writes_total")
    found = await arena.findings()
    assert not found.names, arena.report()
    assert healed > 0
    assert done.symbols > 100
    assert done.seconds > 100
    assert arena.evidence is not None
    before, away = _medians_ms(arena.evidence, moments)
    arena.say(f"median from tick to feature in the log: {before:g} ms before, {away:g} ms while Redis was away")
    assert away <= SLACK * before + SLACK_MS, arena.report()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _whole(arena: Arena, deadline: float) -> Verified:
    """Compare Redis with the topic until they agree."""
    world = arena.world
    settings = Settings(
        kafka_url=world.services.kafka_url,
        redis_url=world.services.redis_url,
        topic_prefix=world.prefix,
        partitions=world.partitions,
    )
    feature_set = FeatureSet.load(settings.feature_set)
    log = LogReader(world.services.bootstrap_servers)
    await log.start()
    try:
        async with verifier_for(settings, feature_set, log, random.Random(arena.seed)) as verifier:
            while True:
                done = await verifier.verify(world.partitions, sample=150, everything=True)
                if not done.differences:
                    return done
                arena.say(f"{len(done.differences)} differences, such as {done.differences[0]}")
                assert time.monotonic() < deadline, arena.report()
    finally:
        await log.stop()


def _medians_ms(evidence: Evidence, moments: list[int]) -> tuple[float, float]:
    """Milliseconds by the broker's clock from a tick to its feature, of ticks before and between the moments."""
    came = {(tick.partition, tick.offset): tick.ts_ms for tick in evidence.ticks}
    spans: tuple[list[int], list[int]] = ([], [])
    for feature in evidence.features:
        tick_ms = came[feature.partition, integer(header(feature.headers, SOURCE))]
        if tick_ms < moments[1]:
            spans[tick_ms >= moments[0]].append(feature.ts_ms - tick_ms)
    return statistics.median(spans[0]), statistics.median(spans[1])
