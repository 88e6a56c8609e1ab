"""Redis slow, full, emptied and read by many: the stream goes on as fast, and the view is whole again."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from tables.feature_store import RealTimeFeatureStore
from tests.e2e.world import until
from tests.faults.arena import Arena
from tests.faults.slow import slow
from tests.faults.view import SLACK, SLACK_MS, medians_ms, now_ms, whole

MakeArena = Callable[..., Awaitable[Arena]]
DELAY_S = 0.3
"""Of each reply."""
STEADY_S = 4.0
"""Of load before, to compare with, and during."""
WHOLE_S = 90.0
KEEPS_UP = 1_000
"""Records that may wait for a server whose replies take 300 ms, at 600 ticks a second."""
READERS = 64
READ_SECONDS = float(os.environ.get("READ_SECONDS") or STEADY_S)
PAUSE_S = 0.1
"""Between two reads of one reader: 640 reads a second in all, which leave the machine to the worker."""


def redis_of(arena: Arena) -> Any:
    """A client, untyped as redis-py's types cover its asyncio twin too."""
    return Redis.from_url(arena.world.services.redis_url)


async def finished(arena: Arena, moments: list[int], *, copies: bool = False) -> None:
    """End the load, check everything, and compare the latency between the moments with that before."""
    await arena.stop_load()
    await arena.drained()
    found = await arena.findings(copies=copies)
    assert not found.names, arena.report()
    assert arena.evidence is not None
    before, during = medians_ms(arena.evidence, moments)
    arena.say(f"median from tick to feature in the log: {before:g} ms before, {during:g} ms during")
    assert during <= SLACK * before + SLACK_MS, arena.report()


async def test_slow_and_full(make_arena: MakeArena) -> None:
    """A reply takes 300 ms, then the server has no memory left, then it has: nothing stays missing."""
    arena = await make_arena()
    place = urlsplit(arena.world.services.redis_url)
    assert place.hostname is not None
    assert place.port is not None
    delay_s = 0.0
    async with slow(place.hostname, place.port, lambda: delay_s) as port:
        arena.start_load()
        worker = arena.start("one", settings={"HAYATE_REDIS_URL": f"redis://127.0.0.1:{port}{place.path}"})
        await worker.ready()
        await asyncio.sleep(STEADY_S)
        moments = [now_ms()]
        arena.say("Redis slow")
        delay_s = DELAY_S
        await asyncio.sleep(STEADY_S)
        with redis_of(arena) as client:
            arena.say("Redis full")
            client.config_set("maxmemory", 1)
            try:
                await until(lambda: worker.metric("hayate_redis_up") == 0, "it is told", worker)
                await asyncio.sleep(STEADY_S)
            finally:
                client.config_set("maxmemory", 0)
        moments.append(now_ms())
        arena.say("Redis has room again")
        await asyncio.sleep(STEADY_S)
        await until(lambda: worker.metric("hayate_redis_pending") < KEEPS_UP, "writes keep up with the load", worker)
        await finished(arena, moments)
        done = await whole(arena, time.monotonic() + WHOLE_S)
        assert done.symbols > 100
        assert done.seconds > 100


async def test_emptied_while_partitions_move(make_arena: MakeArena) -> None:
    """Fillings are cut off by a rebalance, begun again by the other worker, and by the first when that one is gone."""
    arena = await make_arena()
    arena.start_load()
    one = arena.start("one")
    await one.ready()
    await asyncio.sleep(STEADY_S)
    with redis_of(arena) as client:
        two = arena.start("two")
        await two.ready()
        for fault in ("as two comes", "as two is killed"):
            client.flushall()
            arena.say(f"Redis emptied {fault}")
            if fault.endswith("killed"):
                arena.signal(two, signal.SIGKILL, "two")
                await asyncio.to_thread(two.process.wait)
            done = await whole(arena, time.monotonic() + WHOLE_S)
            assert done.symbols > 100
    arena.say(f"the view is whole: {done}")
    assert one.metric("hayate_store_heal_writes_total") > 0
    await arena.stop_load()
    await arena.drained()
    found = await arena.findings(copies=True)
    assert not found.names, arena.report()


async def test_readers_do_not_hold_up_the_stream(make_arena: MakeArena) -> None:
    """64 of them beside 1,000 ticks a second; `READ_SECONDS=60` for a minute of them."""
    arena = await make_arena()
    arena.start_load(rate=1_000)
    worker = arena.start("one")
    await worker.ready()
    await asyncio.sleep(STEADY_S)
    store = RealTimeFeatureStore(arena.world.services.redis_url, connections=READERS)
    symbols = await store.symbols()
    assert len(symbols) > 100
    moments = [now_ms()]
    arena.say(f"{READERS} readers")
    end = time.monotonic() + READ_SECONDS
    counts = await asyncio.gather(*(read(store, symbols, random.Random(n), end) for n in range(READERS)))
    moments.append(now_ms())
    await store.stop()
    arena.say(f"{sum(counts)} reads")
    assert min(counts) > READ_SECONDS / PAUSE_S / 5, arena.report()
    await finished(arena, moments)


async def read(store: RealTimeFeatureStore, symbols: list[str], rng: random.Random, end: float) -> int:
    """One reader, of whole records; how often it read."""
    newest: dict[str, int] = {}
    count = 0
    while time.monotonic() < end:
        symbol = rng.choice(symbols)
        found = await store.latest(symbol)
        assert found is not None
        offset = int(found.id.rpartition("-")[2])
        assert offset >= newest.get(symbol, 0), "an older record came back"
        newest[symbol] = offset
        count += 1
        await asyncio.sleep(PAUSE_S * rng.uniform(0.5, 1.5))
    return count
