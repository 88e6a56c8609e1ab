"""Several workers, and workers that go: partitions move, and nothing that comes out changes because of it."""

import asyncio
import re
import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.e2e.world import DEADLINE_S, Worker, World, until

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


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_one_that_comes_back_in_time_disturbs_nobody(
    make_world: Callable[..., World], how: signal.Signals
) -> None:
    """Killed, or ended by SIGTERM while it is to stay in the group: the same member in the same generation takes up the
    same partitions, and the other worker hears nothing of it."""
    stays = str(how == signal.SIGTERM).lower()
    world = make_world(HAYATE_SESSION_TIMEOUT_S="60", HAYATE_STAY_IN_GROUP=stays)
    one, two = (world.start_worker(name) for name in ("one", "two"))
    await one.ready()
    await two.ready()
    # Whoever joined last was ready last, and the other one has heard of it.
    await until(lambda: generations(one)[-1:] == generations(two)[-1:], "both are in one generation", two)
    await one.ready()
    before, undisturbed = generations(one)[-1], generations(two)
    one.stop(how)
    again = world.start_worker("one")
    await again.ready()
    assert world.feed(*FEED).wait(DEADLINE_S) == 0
    assert await world.check(again) == TICKS
    assert generations(again) == [before]
    assert generations(two) == undisturbed


def generations(worker: Worker) -> list[str]:
    """Those that it was a member of, in their order."""
    return re.findall(r"Joined group '[^']*' \(generation (\d+)\)", worker.log.read_text())


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
