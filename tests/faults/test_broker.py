"""The broker: killed and back, and frozen. Nothing is dropped meanwhile, and work resumes by itself."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from deploy.local import LocalStack
from deploy.local.kafka_probe import broker_answers
from deploy.local.server import NotReady
from tests.faults.arena import LONG, Arena
from tests.faults.play import Players
from tests.faults.report import Report
from tests.faults.times import Fault

MakeArena = Callable[..., Awaitable[Arena]]
HANGING = [("kafka",), ("redis",), ("kafka", "redis")][0 if LONG else 2 :]
STOP_LIMIT_S = 10.0
"""SIGTERM to exit, whatever Kafka or Redis do."""
SLACK_S = 1.0
"""Of a busy machine, before the process is scheduled and after it has ended."""


async def answers(arena: Arena) -> int:
    """When the broker answers again, ms of the wall clock."""
    host, _, port = arena.world.services.bootstrap_servers.partition(":")
    while True:
        try:
            await asyncio.to_thread(broker_answers, host, int(port))
        except NotReady:
            await asyncio.sleep(0.05)
        else:
            return time.time_ns() // 1_000_000


async def away(players: Players, how: str, down: Callable[[str], None], stack: LocalStack, rng: random.Random) -> None:
    """Take the broker down, and bring it back after a moment."""
    players.arena.say(f"the broker is {how}")
    await asyncio.to_thread(down, "kafka")
    await asyncio.sleep(rng.uniform(0.5, 3.0))
    coming = asyncio.create_task(asyncio.to_thread(stack.up))
    players.faults.append(Fault(f"broker {how} and back", await answers(players.arena), answered=True))
    players.arena.say("the broker answers")
    await coming
    players.hurts[f"broker {how}"] += 1
    await asyncio.sleep(6.0)
    players.all_alive()


async def test_killed_stopped_and_frozen(make_arena: MakeArena, stack: LocalStack, seed: int, report: Report) -> None:
    """Under load: the broker is killed and back, stopped in good order and back, then SIGSTOP for shorter and for
    longer than the session."""
    arena = await make_arena()
    players = Players(arena)
    rng = random.Random(seed)
    arena.start_load()
    await players.do("start", "one")
    await players.running["one"].ready()
    await asyncio.sleep(1.0)
    await away(players, "killed", stack.kill, stack, rng)
    await away(players, "stopped", stack.stop, stack, rng)
    for sleep_s in (1.5, 5.0):
        pid = stack.pid("kafka")
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        arena.say(f"the broker is frozen for {sleep_s} s")
        await asyncio.sleep(sleep_s)
        os.kill(pid, signal.SIGCONT)
        players.faults.append(Fault(f"broker frozen for {sleep_s:g} s", await answers(arena), answered=True))
        players.hurts["broker frozen"] += 1
        await asyncio.sleep(5.0)
        players.all_alive()
    await players.finish(report)


@pytest.mark.parametrize("hanging", HANGING, ids="+".join)
async def test_sigterm_while_servers_hang(
    make_arena: MakeArena, stack: LocalStack, hanging: tuple[str, ...], report: Report
) -> None:
    """The worker exits within 10 s whatever they do; the next one begins where it ended, and writes nothing twice."""
    arena = await make_arena()
    players = Players(arena)
    arena.start_load(rate=300)
    await players.do("start", "one")
    worker = players.running["one"]
    await worker.ready()
    await asyncio.sleep(1.0)
    pids = [stack.pid(name) for name in hanging]
    for pid in pids:
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        arena.signal(worker, signal.SIGTERM, "one")
        status = await asyncio.to_thread(worker.process.wait, 3 * STOP_LIMIT_S)
        took = time.monotonic() - begun
        arena.say(f"one ended with {status} after {took:.1f} s")
    finally:
        for pid in pids:
            assert pid is not None
            os.kill(pid, signal.SIGCONT)
    assert took < STOP_LIMIT_S + SLACK_S, f"{took:.1f} s\n{arena.report()}"
    await players.do("start", "one")
    await players.finish(report)
