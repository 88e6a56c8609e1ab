"""Redis: killed and back, flushed, frozen. The stream does not stop, and the view is right again by itself."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

from redis import Redis

from deploy.local import LocalStack
from tests.faults.arena import Arena
from tests.faults.play import Players
from tests.faults.report import Report
from tests.faults.times import Fault

MakeArena = Callable[..., Awaitable[Arena]]


async def test_killed_frozen_and_flushed(make_arena: MakeArena, stack: LocalStack, report: Report) -> None:
    """Under load; every symbol has a tick after the last fault, as Redis' content is a view of the latest."""
    arena = await make_arena()
    players = Players(arena)
    arena.start_load(closing=True)
    await players.do("start", "one")
    await players.running["one"].ready()
    await asyncio.sleep(1.0)

    def note(kind: str) -> None:
        arena.say(kind)
        players.hurts[kind] += 1
        players.faults.append(Fault(kind, time.time_ns() // 1_000_000))

    note("Redis killed")
    await asyncio.to_thread(stack.kill, "redis")
    await asyncio.sleep(2.0)
    await asyncio.to_thread(stack.up)
    await asyncio.sleep(2.0)
    pid = stack.pid("redis")
    assert pid is not None
    note("Redis frozen")
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(3.0)
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(1.0)
    note("Redis flushed")
    with Redis.from_url(arena.world.services.redis_url) as client:
        client.flushall()
        client.function_flush()
    await asyncio.sleep(1.0)
    await players.finish(report)
