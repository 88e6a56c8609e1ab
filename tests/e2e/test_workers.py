"""Several workers, and workers that go: partitions move, and nothing that comes out changes because of it."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial

from tests.e2e.world import DEADLINE_S, World, until

TICKS = 12_000
FEED = ("simulate", "--symbols", "40", "--rate", "1000", "--count", str(TICKS))


async def test_two_workers_share_and_one_leaves(make_world: Callable[..., World]) -> None:
    """Both take part; after SIGTERM the other has all partitions, and no symbol's features show it."""
    world = make_world()
    one = world.start_worker("one")
    await one.ready()
    feed = world.feed(*FEED)
    two = world.start_worker("two")
    await two.ready()
    await until(lambda: two.metric("hayate_ticks_total") > 0, "the second worker has ticks", two)
    before = one.metric("hayate_ticks_total")
    await until(lambda: one.metric("hayate_ticks_total") > before, "the first worker has ticks beside it", one)
    assert two.stop() == 0
    assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
    assert await world.check(one) == TICKS
    assert one.stop() == 0


async def test_killed_and_back(make_world: Callable[..., World]) -> None:
    """kill -9 in the middle of the load, twice; a worker that starts again finishes the work, nothing twice."""
    world = make_world(HAYATE_SESSION_TIMEOUT_S="3", HAYATE_CHECKPOINT_MS="200")
    feed = world.feed(*FEED)
    for _ in range(2):
        worker = world.start_worker()
        await worker.ready()
        await until(partial(worker.has_more, "hayate_features_total", 500), "features flow", worker)
        worker.stop(signal.SIGKILL)
    worker = world.start_worker()
    await worker.ready()
    assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
    assert await world.check(worker) == TICKS
    assert worker.stop() == 0


async def test_a_clean_restart_repeats_nothing(make_world: Callable[..., World]) -> None:
    """After SIGTERM everything is committed: the next start folds nothing again."""
    world = make_world()
    worker = world.start_worker()
    await worker.ready()
    assert world.feed("simulate", "--rate", "1000", "--count", "2000").wait(DEADLINE_S) == 0
    await world.read("signals", 2_000, worker=worker)
    assert worker.stop() == 0
    again = world.start_worker()
    await again.ready()
    assert world.feed("simulate", "--rate", "1000", "--count", "1000", "--seed", "2").wait(DEADLINE_S) == 0
    await world.read("signals", 3_000, worker=again)
    assert again.metric("hayate_ticks_total") == 1_000
    assert again.metric("hayate_ticks_repeated_total") == 0
    assert await world.check(again) == 3_000
    assert again.stop() == 0
