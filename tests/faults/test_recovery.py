"""Time until features flow again, with the session timeout that is the default, two workers and 1,000 ticks/s.

The limits are those the project promises; everything else about time is only reported.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.faults.arena import Arena
from tests.faults.play import Players
from tests.faults.report import Report
from tests.faults.times import Fault, Flow

MakeArena = Callable[..., Awaitable[Arena]]
SESSION_S = 10.0
BACK_AFTER_S = 1.0
CALM_S = 3.0
"""Load between two faults, so that each silence stands alone."""
LIMITS_S: dict[str, tuple[float | None, float | None]] = {
    "killed and back (session 10 s)": (8.0, 3.0),
    "killed for good (session 10 s)": (SESSION_S + 3.0, None),
    "SIGTERM (session 10 s)": (5.0, None),
}
"""Kind -> own partitions, the others'."""


async def test_time_until_features_flow_again(make_arena: MakeArena, report: Report) -> None:
    """Killed and back; SIGTERM; killed for good."""
    killed_and_back, killed, terminated = LIMITS_S
    arena = await make_arena(HAYATE_SESSION_TIMEOUT_S=f"{SESSION_S:g}")
    players = Players(arena)
    arena.start_load()
    for name in ("one", "two"):
        await players.do("start", name)
    for name in ("one", "two"):
        await players.running[name].ready()

    async def hurt(what: str, name: str, kind: str) -> None:
        await asyncio.sleep(CALM_S)
        await players.do(what, name)
        players.faults[-1] = players.faults[-1]._replace(kind=kind)

    await hurt("kill", "one", killed_and_back)
    await asyncio.sleep(BACK_AFTER_S)
    begun = time.monotonic()
    await players.do("start", "one")
    await players.running["one"].ready()
    arena.say(f"a warm worker was ready {time.monotonic() - begun:.1f} s after its start")
    await asyncio.sleep(SESSION_S)
    await hurt("term", "two", terminated)
    await asyncio.sleep(CALM_S)
    players.faults.append(Fault("a worker joins (session 10 s)", time.time_ns() // 1_000_000))
    await players.do("start", "two")
    await players.running["two"].ready()
    await hurt("kill", "two", killed)
    await asyncio.sleep(SESSION_S + CALM_S)
    await players.finish(report)
    assert arena.evidence is not None
    flow = Flow(arena.evidence.ticks, arena.evidence.features)
    for fault, silence in zip(players.faults, flow.silences(players.faults), strict=True):
        own_s, others_s = LIMITS_S.get(fault.kind, (None, None))
        for limit_s, found_ms in ((own_s, silence.own_ms), (others_s, silence.others_ms)):
            if limit_s is not None:
                assert found_ms is not None
                assert found_ms < 1000 * limit_s, f"{silence} is over {limit_s:g} s\n{arena.report()}"
