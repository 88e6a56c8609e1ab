"""With each guard taken out in turn the checker finds what the guard is against; with it (in the long run), nothing."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaProducer

from tests.e2e.world import Worker
from tests.faults import collect
from tests.faults.arena import LONG, Arena
from tests.faults.checker import Findings
from tests.faults.provocations import DROPS
from tests.faults.slow import slow
from tests.faults.steps import Strike

MakeArena = Callable[..., Awaitable[Arena]]
SESSION = {"HAYATE_SESSION_TIMEOUT_S": "1.5", "HAYATE_CHECKPOINT_MS": "300"}
TRIES = pytest.mark.flaky(reruns=2)
"""Of runs without a guard, for what it is against is a matter of moments; with the guard there is one."""
GUARDED = [pytest.param(False, marks=TRIES, id="without"), *([pytest.param(True, id="with")] if LONG else [])]
EITHER = pytest.mark.parametrize("guarded", GUARDED)
DRAIN_S = 20.0
REDIS_DELAY_S = 0.3
"""Of each answer; one that takes longer than the store's patience would be an outage, for which nothing waits."""


async def flowing(arena: Arena, worker: Worker, features: int = 300) -> None:
    """Wait until a worker has written some more features."""
    await worker.ready()
    begun = worker.metric("hayate_features_total")

    async def enough() -> bool:
        return await asyncio.to_thread(worker.has_more, "hayate_features_total", begun + features)

    await collect.until(enough, f"{features} features\n{arena.report()}")


async def shows(worker: Worker, text: str, times: int = 1) -> None:
    """Wait until a worker's log shows something so many times."""

    async def shown() -> bool:
        return (await asyncio.to_thread(worker.log.read_text)).count(text) >= times

    await collect.until(shown, f"{times} times {text!r} in {worker.log}")


async def struck(worker: Worker, deadline_s: float = 30.0) -> None:
    """Wait until a worker has killed itself."""
    assert await asyncio.to_thread(worker.process.wait, deadline_s) == -signal.SIGKILL


async def frozen(worker: Worker, deadline_s: float = 30.0) -> None:
    """Wait until a worker has stopped itself."""
    deadline = time.monotonic() + deadline_s
    while not any(line.startswith("State:\tT") for line in _status(worker)):
        assert time.monotonic() < deadline, "it has not stopped itself"
        await asyncio.sleep(0.05)


def _status(worker: Worker) -> list[str]:
    return Path(f"/proc/{worker.process.pid}/status").read_text(encoding="utf-8").splitlines()


async def end(arena: Arena, *, copies: bool = False) -> Findings:
    """Everything processed, then the checker."""
    if arena.load is not None:
        await arena.stop_load()
    await arena.drained(DRAIN_S)
    return await arena.findings(copies=copies)


def judge(arena: Arena, found: Findings, expected: Iterable[str], *, guarded: bool) -> None:
    """Nothing with the guard; without it, one of what is expected."""
    if guarded:
        assert not found.violations, f"{found.summary()}\n{arena.report()}"
    else:
        assert found.names & set(expected), f"{found.summary()}\n{arena.report()}"


@pytest.mark.parametrize(
    ("guard", "step", "expected"),
    [
        ("tail", "outputs-acknowledged", {"copies"}),
        ("row-offset", "changelog-acknowledged", {"wrong-feature"}),
        ("changelog-before-commit", "committed", {"wrong-feature"}),
    ],
)
@EITHER
async def test_killed_at_a_step(
    make_arena: MakeArena, guard: str, step: str, expected: set[str], guarded: bool
) -> None:
    """One worker, killed where the guard matters and started again."""
    arena = await make_arena(**SESSION)
    without = [] if guarded else [guard]
    arena.start_load()
    await struck(arena.start("one", Strike(signal.SIGKILL, step, 12), without=without))
    await flowing(arena, arena.start("one", without=without))
    judge(arena, await end(arena), expected, guarded=guarded)


@EITHER
async def test_a_poll_is_lost(make_arena: MakeArena, guarded: bool) -> None:
    """Contiguity: what Faust lost is read again."""
    arena = await make_arena(**SESSION)
    arena.start_load()
    without = [] if guarded else ["contiguity"]
    worker = arena.start("one", without=without, provoke=["drop-polls:20"])
    # All of them, and ticks behind the last one: what was lost shows when more comes.
    await shows(worker, "drops ", DROPS)
    await flowing(arena, worker)
    # Copies: the poll was lost before the lane had read where its outputs end.
    judge(arena, await end(arena), {"missing-feature", "copies"}, guarded=guarded)


@EITHER
async def test_an_output_fails(make_arena: MakeArena, guarded: bool) -> None:
    """Nothing is sent after a failed produce: aiokafka would let later batches overtake it."""
    arena = await make_arena(**SESSION)
    arena.start_load()
    worker = arena.start("one", without=[] if guarded else ["failed-output"], provoke=["fail-batch:16"])
    await shows(worker, "fails ")
    await flowing(arena, worker)
    judge(arena, await end(arena), {"missing-feature"}, guarded=guarded)


@EITHER
async def test_copies_of_features(make_arena: MakeArena, guarded: bool) -> None:
    """A zombie's exact copies stand in `features`: nobody acts on them twice."""
    arena = await make_arena(**SESSION)
    arena.start_load()
    worker = arena.start("one", without=[] if guarded else ["copies"])
    await flowing(arena, worker)
    servers = arena.world.services.bootstrap_servers
    features = await collect.read_topic(servers, arena.topic("features"), arena.world.partitions)
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for record in features[-200:]:
            await producer.send(
                record.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers)
            )
    await flowing(arena, worker)
    judge(arena, await end(arena, copies=True), {"acted-twice"}, guarded=guarded)


@EITHER
async def test_killed_while_redis_is_slow(make_arena: MakeArena, guarded: bool) -> None:
    """Nothing is committed before Redis has it: a worker that starts again puts only what it repeats."""
    arena = await make_arena(**SESSION)
    place = urlsplit(arena.world.services.redis_url)
    assert place.hostname is not None
    assert place.port is not None
    async with slow(place.hostname, place.port, lambda: REDIS_DELAY_S) as port:
        redis_url = {"HAYATE_REDIS_URL": arena.world.services.redis_url.replace(f":{place.port}", f":{port}")}
        worker = arena.start("one", without=[] if guarded else ["redis-before-commit"], settings=redis_url)
        await worker.ready()
        arena.start_load(rate=500)
        await flowing(arena, worker)
        await arena.stop_load()
        await arena.drained(2 * DRAIN_S)
        arena.signal(worker, signal.SIGKILL, "one")
    judge(arena, await arena.findings(), {"stale-latest", "missing-latest"}, guarded=guarded)


async def usurped(arena: Arena, strike: Strike, without: Iterable[str]) -> tuple[Worker, Worker]:
    """A worker that stopped itself at a step, and the one that took its partitions and did everything since."""
    arena.start_load()
    zombie = arena.start("one", strike, without=without)
    await frozen(zombie)
    heir = arena.start("two", without=without)
    await flowing(arena, heir)
    await arena.stop_load()
    await arena.drained(DRAIN_S)
    return zombie, heir


ZOMBIE = "zombie"
"""Taken out in each of these: it alone would keep the process from writing, but not what is on the wire already."""


IN_FLIGHT = 200
"""A zombie may write that many exact copies; with more of them it has done its heir's work again."""


@pytest.mark.parametrize(
    "guard",
    [*(pytest.param(name, marks=TRIES) for name in ("store-last", "refused-commit")), *([None] if LONG else [])],
)
async def test_a_zombie_stores_stale_rows(make_arena: MakeArena, guard: str | None) -> None:
    """It wakes up with rows that it was about to write, and is then the only one left."""
    arena = await make_arena(**SESSION)
    without = [ZOMBIE, *([guard] if guard else [])]
    zombie, heir = await usurped(arena, Strike(signal.SIGSTOP, "changelog-begun", 12), without)
    arena.signal(zombie, signal.SIGCONT, "one")
    await asyncio.sleep(1.0)
    arena.signal(heir, signal.SIGKILL, "two")
    arena.start_load()
    await asyncio.sleep(2.0)
    await flowing(arena, zombie)
    found = await end(arena, copies=True)
    if max(found.copies.values(), default=0) > IN_FLIGHT:
        # Its commit went back without harm to the rows: which of the two it is depends on when the broker tells it.
        assert guard is not None, f"{found.summary()}\n{arena.report()}"
        return
    judge(arena, found, {"wrong-feature"}, guarded=guard is None)


@EITHER
async def test_a_zombies_rows_stand_last_in_the_changelog(make_arena: MakeArena, guarded: bool) -> None:
    """Whoever recovers from it takes the newer rows that stand before them."""
    arena = await make_arena(**SESSION)
    without = [ZOMBIE, *([] if guarded else ["stale-rows"])]
    zombie, heir = await usurped(arena, Strike(signal.SIGSTOP, "changelog-begun", 12), without)
    arena.signal(zombie, signal.SIGCONT, "one")
    await asyncio.sleep(1.0)
    arena.signal(zombie, signal.SIGKILL, "one")
    arena.signal(heir, signal.SIGKILL, "two")
    arena.start_load()
    await flowing(arena, arena.start("three", without=without))
    judge(arena, await end(arena, copies=True), {"wrong-feature"}, guarded=guarded)


@EITHER
async def test_a_zombie_flushes_to_redis(make_arena: MakeArena, guarded: bool) -> None:
    """It wakes up with values for Redis that its heir's have overtaken, and no tick comes after them."""
    arena = await make_arena(**SESSION)
    without = [ZOMBIE, *([] if guarded else ["redis-newest"])]
    zombie, _ = await usurped(arena, Strike(signal.SIGSTOP, "redis-flush", 100), without)
    arena.signal(zombie, signal.SIGCONT, "one")
    await asyncio.sleep(1.0)
    judge(arena, await end(arena, copies=True), {"stale-latest"}, guarded=guarded)


@EITHER
async def test_a_zombie_writes_nothing(make_arena: MakeArena, guarded: bool) -> None:
    """It was stopped in the middle of a batch: with the guard not one copy of what its heir wrote."""
    arena = await make_arena(**SESSION)
    zombie, _ = await usurped(arena, Strike(signal.SIGSTOP, "folded", 100), [] if guarded else [ZOMBIE])
    arena.signal(zombie, signal.SIGCONT, "one")
    await asyncio.sleep(1.0)
    judge(arena, await end(arena), {"copies"}, guarded=guarded)
