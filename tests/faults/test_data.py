"""The local store: deleted and full. It is a copy of the changelog, so nothing is lost with it."""

import asyncio
import re
import resource
import shutil
import subprocess
from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.world import Worker, tail_of
from tests.faults.arena import Arena
from tests.faults.play import Players
from tests.faults.report import Report

MakeArena = Callable[..., Awaitable[Arena]]
FULL_AT_BYTES = 128 * 1024
"""No file of the worker grows beyond this: its writes fail as on a full disk (EFBIG, for that needs no root)."""
TROUBLE_S = {"deleted": 6.0, "full": 20.0}
"""How long the worker is given to end: it does where writes fail, RocksDB taking its time, and need not elsewhere."""
NAMED = r"HAYATE_DATA_DIR|data dir|local store|disk"


async def test_deleted_between_two_lives(make_arena: MakeArena, report: Report) -> None:
    """Killed, its directory gone, started again: everything comes from the changelog."""
    arena = await make_arena()
    players = Players(arena)
    arena.start_load(rate=500)
    await players.do("start", "one")
    await players.running["one"].ready()
    await asyncio.sleep(2.0)
    folder = players.running["one"].data_dir
    await players.do("kill", "one")
    shutil.rmtree(folder)
    arena.say("the data directory is deleted")
    await players.do("start", "one")
    await players.finish(report)


@pytest.mark.parametrize("trouble", ["deleted", "full"])
async def test_trouble_while_it_runs(make_arena: MakeArena, report: Report, trouble: str) -> None:
    """The worker goes on without its store, or ends and says why; nothing is lost either way."""
    arena = await make_arena()
    players = Players(arena)
    arena.start_load(rate=500)
    await players.do("start", "one")
    worker = players.running["one"]
    await worker.ready()
    await asyncio.sleep(1.0)
    arena.say(f"the data directory is {trouble}")
    players.hurts[f"data directory {trouble}"] += 1
    if trouble == "deleted":
        shutil.rmtree(worker.data_dir)
    else:
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (FULL_AT_BYTES, FULL_AT_BYTES))
    if await _ended(worker, TROUBLE_S[trouble]):
        arena.say(f"it ended with {worker.process.returncode}")
        assert re.search(NAMED, worker.log.read_text()), f"its log does not name the trouble:\n{tail_of(worker.log)}"
        shutil.rmtree(worker.data_dir, ignore_errors=True)
        await players.do("start", "one")
    elif trouble == "deleted":
        # It goes on until RocksDB wants a new file, which may be any time from now on.
        await players.do("kill", "one")
        await players.do("start", "one")
    else:
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await players.finish(report)


async def _ended(worker: Worker, within_s: float) -> bool:
    try:
        status = await asyncio.to_thread(worker.process.wait, within_s)
    except subprocess.TimeoutExpired:
        return False
    return status != 0
