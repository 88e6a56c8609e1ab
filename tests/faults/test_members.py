"""Two to four workers that come, leave and die in turn, also while a rebalance is under way; and doubles, refused."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.arena import Arena
from tests.faults.play import Players, shown
from tests.faults.report import Report
from tests.faults.schedule import turns

MakeArena = Callable[..., Awaitable[Arena]]
REFUSED_S = 25.0
"""Start and refusal, on a busy machine."""


async def test_workers_come_leave_and_die(make_arena: MakeArena, seed: int, report: Report) -> None:
    """SIGTERM and kill -9 of up to four workers, which come back; what moves with them stays exact."""
    arena = await make_arena()
    actions = turns(seed + 7, 6, {"kill": 1, "term": 2}, most=4)
    arena.say(shown(actions))
    players = Players(arena)
    arena.start_load(rate=500)
    await players.play(actions)
    await players.finish(report, copies=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"HAYATE_DATA_DIR|data dir"),
        ({"HAYATE_INSTANCE_ID": "a"}, r"HAYATE_INSTANCE_ID|instance"),
    ],
    ids=["data-dir", "instance-id"],
)
async def test_a_double_is_refused(make_arena: MakeArena, settings: dict[str, str], told: str, report: Report) -> None:
    """A second process with the first one's data directory, or its instance id, ends by name; the first one goes on."""
    arena = await make_arena(**settings)
    players = Players(arena)
    arena.start_load(rate=300)
    await players.do("start", "one")
    await players.running["one"].ready()
    place = {} if settings else {"HAYATE_DATA_DIR": str(arena.world.folder / "one")}
    double = arena.start("double", settings=place)
    begun = time.monotonic()
    status = await asyncio.to_thread(double.process.wait, REFUSED_S)
    arena.say(f"the double ended with {status} after {time.monotonic() - begun:.1f} s")
    text = double.log.read_text()
    assert status not in (0, -9), arena.report()
    assert re.search(told, text), text[-2000:]
    assert "Traceback" not in text
    players.all_alive()
    await players.finish(report)
