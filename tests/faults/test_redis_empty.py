"""Redis goes under load and comes back empty: features come as fast as before, and the view heals by itself."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from deploy.local import LocalStack
from tests.faults.arena import Arena
from tests.faults.view import SLACK, SLACK_MS, medians_ms, now_ms, whole

AWAY_S = float(os.environ.get("REDIS_AWAY_S") or 5.0)
"""How long it is away; 30 by hand."""
STEADY_S = 5.0
"""Of load before, to compare with, and after."""
WHOLE_S = 10.0


async def test_the_stream_goes_on_and_the_view_heals(
    make_arena: Callable[..., Awaitable[Arena]], stack: LocalStack
) -> None:
    arena = await make_arena()
    arena.start_load(rate=1_000)
    worker = arena.start("one")
    await worker.ready()
    await asyncio.sleep(STEADY_S)
    moments = [now_ms()]
    arena.say("Redis killed")
    await asyncio.to_thread(stack.kill, "redis")
    await asyncio.sleep(AWAY_S)
    moments.append(now_ms())
    await asyncio.to_thread(stack.up)
    arena.say("Redis is back, empty")
    back = time.monotonic()
    # Under load, and quiet symbols too: nothing but the topic can bring those back.
    done = await whole(arena, back + 3 * WHOLE_S)
    took_s = time.monotonic() - back
    arena.say(f"the view is whole after {took_s:.1f} s: {done}")
    await asyncio.sleep(STEADY_S)
    await arena.stop_load()
    await arena.drained()
    healed = worker.metric("hayate_store_heal_writes_total")
    found = await arena.findings()
    assert not found.names, arena.report()
    assert healed > 0
    assert done.symbols > 100
    assert done.seconds > 100
    assert arena.evidence is not None
    before, away = medians_ms(arena.evidence, moments)
    arena.say(f"median from tick to feature in the log: {before:g} ms before, {away:g} ms while Redis was away")
    assert away <= SLACK * before + SLACK_MS, arena.report()
