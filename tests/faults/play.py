"""Playing a schedule in an arena, and the end of every run: drained, stopped in good order, checked, reported."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.e2e.world import Worker, tail_of
from tests.faults.arena import Arena
from tests.faults.checker import Findings
from tests.faults.report import Report
from tests.faults.schedule import Action
from tests.faults.times import Fault, Flow

STOP_S = 20.0
"""More than the worker's own deadline; `test_stops.py` looks at how long a stop takes."""
FLOW_S = 2.0
"""Load after the last fault, so that its silence has an end."""
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}


class Players:
    """The workers of a run by name, and what was done to them."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.running: dict[str, Worker] = {}
        self.faults: list[Fault] = []
        self.hurts: Counter[str] = Counter()

    async def play(self, actions: Iterable[Action]) -> None:
        """Do all of it; a worker that ends by itself fails the run.

        Raises:
            AssertionError: with what was done until then.
        """
        for action in actions:
            if action.when_ready:
                await self.running[action.name].ready()
            await asyncio.sleep(action.wait_s)
            self.all_alive()
            self.arena.say(str(action))
            await self.do(action.what, action.name)

    async def do(self, what: str, name: str, **settings: str) -> None:
        """One action."""
        if what == "start":
            self.running[name] = self.arena.start(name, settings=settings)
            return
        worker = self.running[name]
        own = await self.arena.own_partitions(worker) if what != "thaw" else frozenset()
        at_ms = time.time_ns() // 1_000_000
        self.arena.signal(worker, SIGNALS[what], name)
        self.hurts[what] += 1
        if own:
            self.faults.append(Fault(what, at_ms, own))
        if what in ("kill", "term"):
            del self.running[name]
            status = await self.ended(worker)
            # Before it handles signals, SIGTERM ends it as it ends any process.
            fine = (-signal.SIGKILL,) if what == "kill" else (0, -signal.SIGTERM)
            assert status in fine, f"{name} ended with {status}:\n{tail_of(worker.log)}"

    async def ended(self, worker: Worker) -> int:
        """Exit status of a worker that was told to end."""
        return await asyncio.to_thread(worker.process.wait, STOP_S)

    def all_alive(self) -> None:
        """No worker ended by itself."""
        for name, worker in self.running.items():
            status = worker.process.poll()
            assert status is None, f"{name} ended by itself with {status}\n{self.arena.report()}"

    async def finish(self, report: Report, *, copies: bool = False) -> Findings:
        """Let it flow, end the load, stop everybody in good order, check, report.

        Raises:
            AssertionError: something is wrong; with everything that was done.
        """
        arena = self.arena
        if not self.running:
            await self.do("start", "one")
        last, *others = sorted(self.running)
        await self.running[last].ready()
        await asyncio.sleep(FLOW_S)
        await arena.stop_load()
        for name in others:
            await self.stop(name)
        await arena.drained()
        await self._owns_all(last)
        await self.stop(last)
        return await self.judge(report, copies=copies, final=last)

    async def stop(self, name: str) -> None:
        """SIGTERM, and a clean end."""
        worker = self.running.pop(name)
        self.arena.signal(worker, signal.SIGTERM, name)
        status = await self.ended(worker)
        self.arena.say(f"{name} ended with {status}")
        assert status == 0, f"{name} ended with {status} after SIGTERM\n{self.arena.report()}"

    async def judge(self, report: Report, *, copies: bool = False, final: str | None = None) -> Findings:
        """Check and report what is there."""
        arena = self.arena
        findings = await arena.findings(copies=copies, final=final)
        assert arena.evidence is not None
        flow = Flow(arena.evidence.ticks, arena.evidence.features)
        report.add(findings, flow, flow.silences(self.faults), self.hurts)
        assert not findings.violations, f"{findings.summary()}\n{arena.report()}"
        return findings

    async def _owns_all(self, name: str) -> None:
        deadline = time.monotonic() + STOP_S
        while len(await self.arena.own_partitions(self.running[name])) < self.arena.world.partitions:
            assert time.monotonic() < deadline, f"{name} has not got every partition\n{self.arena.report()}"
            await asyncio.sleep(0.1)


def shown(actions: Sequence[Action]) -> str:
    """A schedule in one line."""
    return ", ".join(map(str, actions))
