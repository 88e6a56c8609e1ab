"""The broker killed while several workers are in the group, and while they share out partitions: all come back."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest

from deploy.local import LocalStack
from tests.e2e.world import Worker, until
from tests.faults.arena import Arena
from tests.faults.play import Players
from tests.faults.report import Report
from tests.faults.times import Fault

MakeArena = Callable[..., Awaitable[Arena]]
AWAY_S = 3.0
REBALANCE_S = 0.6
"""The broker dies within so long of a JoinGroup: before the others have heard of it, or while tables recover."""


async def joining(worker: Worker) -> None:
    """Wait until it asks to join."""
    await until(lambda: "(Re-)joining group" in worker.log.read_text(), "it joins", worker)


@pytest.mark.parametrize("when", ["calm", "one joins", "one comes back"])
async def test_two_workers(make_arena: MakeArena, stack: LocalStack, seed: int, report: Report, when: str) -> None:
    """Nobody ends, and all that was sent meanwhile is worked on."""
    arena = await make_arena()
    players = Players(arena)
    rng = random.Random(f"{seed} {when}")
    for name in ("one", "two"):
        await players.do("start", name)
        await players.running[name].ready()
    arena.start_load()
    await asyncio.sleep(1.0)
    if when == "one joins":
        await players.do("start", "three")
        await joining(players.running["three"])
    elif when == "one comes back":
        await players.do("kill", "one")
        await players.do("start", "one")
        await joining(players.running["one"])
    await asyncio.sleep(rng.uniform(0.0, REBALANCE_S))
    arena.say("kill -9 of the broker")
    await asyncio.to_thread(stack.kill, "kafka")
    await asyncio.sleep(AWAY_S)
    services = await asyncio.to_thread(stack.up)
    assert services == arena.world.services, "another process has taken the port"
    players.faults.append(Fault(f"broker killed, {when}", time.time_ns() // 1_000_000, answered=True))
    arena.say("the broker answers")
    players.hurts["broker killed"] += 1
    for name in sorted(players.running):
        await players.running[name].ready()
    players.all_alive()
    await players.finish(report)
