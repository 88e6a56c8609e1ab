"""SIGSTOP: a worker that sleeps through its membership and wakes up believing in it. Only exact copies may remain."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from tests.faults.arena import SESSION_S, Arena
from tests.faults.play import Players
from tests.faults.report import Report

MakeArena = Callable[..., Awaitable[Arena]]


async def test_frozen_for_less_and_for_more_than_the_session(make_arena: MakeArena, seed: int, report: Report) -> None:
    """Two workers; each is frozen; right after the longer sleep the other one is killed, so the sleeper takes over."""
    arena = await make_arena()
    players = Players(arena)
    rng = random.Random(seed)
    arena.start_load()
    for name in ("one", "two"):
        await players.do("start", name)
    await players.running["one"].ready()
    await players.running["two"].ready()
    for name, other, sleep_s in (("one", "two", SESSION_S / 2), ("two", "one", 2 * SESSION_S)):
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        await players.do("freeze", name)
        await asyncio.sleep(sleep_s)
        players.all_alive()
        await players.do("thaw", name)
        if sleep_s > SESSION_S:
            await asyncio.sleep(rng.choice((0.0, 0.05, 0.5)))
            await players.do("kill", other)
    await players.running["two"].ready()
    await players.finish(report, copies=True)
