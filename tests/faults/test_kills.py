"""kill -9: at random moments, and between every two steps of the life of a batch. Nothing lost, wrong or twice."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import deque
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.arena import Arena
from tests.faults.play import Players, shown
from tests.faults.report import Report
from tests.faults.schedule import turns
from tests.faults.steps import STEPS, Strike
from tests.faults.times import Fault

MakeArena = Callable[..., Awaitable[Arena]]
PER_ROUND = 10
CYCLES = int(os.environ.get("CYCLES") or PER_ROUND)
ROUNDS = -(-CYCLES // PER_ROUND)
STRIKE_WITHIN_S = 30.0
"""A step that is not passed often enough within this time is passed over: the worker is killed where it is."""


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_random_kills(make_arena: MakeArena, seed: int, report: Report, number: int) -> None:
    """Two to four workers, killed and started again at random moments, also while they start or partitions move."""
    arena = await make_arena()
    rng = random.Random(seed * 1000 + number)
    actions = turns(
        seed * 1000 + number, min(PER_ROUND, CYCLES - number * PER_ROUND), {"kill": 1}, most=rng.randint(2, 4)
    )
    arena.say(shown(actions))
    players = Players(arena)
    arena.start_load()
    await players.play(actions)
    await players.finish(report)


@pytest.mark.parametrize("half", [0, 1])
async def test_killed_between_two_steps(make_arena: MakeArena, seed: int, report: Report, half: int) -> None:
    """Two workers; each kills itself at the next step of the list, at a random passing, and starts again at once."""
    arena = await make_arena()
    players = Players(arena)
    rng = random.Random(seed + half)
    steps = deque(list(STEPS)[half::2])
    arena.start_load()

    async def lives(name: str) -> None:
        while steps:
            step = steps.popleft()
            strike = Strike(signal.SIGKILL, step, rng.randint(1, STEPS[step].most))
            worker = arena.start(name, strike)
            try:
                status = await asyncio.to_thread(worker.process.wait, STRIKE_WITHIN_S)
            except subprocess.TimeoutExpired:
                status = None
            if status is None:
                worker.process.kill()
            assert status in (None, -signal.SIGKILL), f"{name} ended with {status}\n{arena.report()}"
            arena.say(f"{name} {'killed itself' if status else 'was killed far from'} at {strike}")
            players.hurts["kill"] += 1
            players.faults.append(Fault("kill at a step", time.time_ns() // 1_000_000))

    await asyncio.gather(lives("one"), lives("two"))
    await players.finish(report)
