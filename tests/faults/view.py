"""The view in Redis beside the topic, and what the stream's latency was meanwhile."""

import random
import statistics
import time

from streams.feature_set import FeatureSet
from streams.headers import header, integer
from streams.kafka.log_reader import LogReader
from streams.records import SOURCE
from streams.settings import Settings
from tables.features.setup import verifier_for
from tables.features.verify import Verified
from tests.faults.arena import Arena
from tests.faults.evidence import Evidence

SLACK = 3.0
"""Median latency during the trouble over that before: a busy machine is not what is measured."""
SLACK_MS = 10.0


def now_ms() -> int:
    """By the clock that the broker has, too."""
    return time.time_ns() // 1_000_000


async def whole(arena: Arena, deadline: float) -> Verified:
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


def medians_ms(evidence: Evidence, moments: list[int]) -> tuple[float, float]:
    """Milliseconds by the broker's clock from a tick to its feature, of ticks before and between the moments."""
    came = {(tick.partition, tick.offset): tick.ts_ms for tick in evidence.ticks}
    spans: tuple[list[int], list[int]] = ([], [])
    for feature in evidence.features:
        tick_ms = came[feature.partition, integer(header(feature.headers, SOURCE))]
        if tick_ms < moments[1]:
            spans[tick_ms >= moments[0]].append(feature.ts_ms - tick_ms)
    return statistics.median(spans[0]), statistics.median(spans[1])
