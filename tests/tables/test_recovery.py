"""Faust's recovery service with our reader in it: what it does at each rebalance, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.types import TP

from agents.wiring import build
from streams.errors import FatalError, StateError
from streams.settings import Settings
from tables.indicator_state import IndicatorStateTable
from tables.recovery import StateRecovery, StateTables, tables_for


class FakeReader:
    """Stands for the changelog reader; ends, fails or goes on as told."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self.recovered: list[list[int]] = []
        self.followed: list[list[int]] = []
        self.cancelled = 0

    async def recover(self, partitions: Any) -> None:
        """One recovery."""
        self.recovered.append(sorted(partitions))
        await self._until_cancelled(self._work())

    async def follow(self, partitions: Any) -> None:
        """One standby."""
        self.followed.append(sorted(partitions))
        await self._until_cancelled(self._work())

    async def _until_cancelled(self, work: Awaitable[None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Rig:
    """The recovery of an app that never starts; what Faust does after a recovery is only noted."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app: Any = build(Settings(data_dir=folder, recovery_deadline_s=7.0))
        self.tables = self.app.tables
        assert isinstance(self.tables, StateTables)
        self.recovery: Any = self.tables.recovery
        (self.table,) = self.tables.values()
        self.completed: list[int] = []
        self.given_up: list[BaseException] = []
        monkeypatch.setattr(self.app, "give_up", self.given_up.append)

        async def completed(generation_id: int) -> None:
            self.completed.append(generation_id)

        monkeypatch.setattr(self.recovery, "on_recovery_completed", completed)

    def read_with(self, work: Callable[[], Awaitable[None]]) -> FakeReader:
        """Have this reader made for every recovery from now on."""
        reader = FakeReader(work)
        self.recovery._reader = lambda _: reader
        return reader

    def assign(self, *actives: int, standbys: tuple[int, ...] = (), generation: int = 1) -> None:
        """What `Recovery.on_rebalance` leaves behind."""
        topic = self.table.changelog_topic.get_topic_name()
        self.recovery.actives_for_table[self.table] = {TP(topic, partition) for partition in actives}
        self.recovery.standbys_for_table[self.table] = {TP(topic, partition) for partition in standbys}
        self.recovery.standby_tps.clear()
        self.recovery.standby_tps.update(self.recovery.standbys_for_table[self.table])
        self.recovery._generation_id = generation
        self.recovery.signal_recovery_start.set()


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A fresh one, on the loop of the test."""
    return Rig(tmp_path, monkeypatch)


async def nothing() -> None:
    """There is nothing to read."""


async def eventually(condition: Callable[[], object]) -> None:
    """Let the tasks run until it is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0)


def run_service(rig: Rig) -> "asyncio.Task[None]":
    """The service's task."""
    work: Any = StateRecovery._restart_recovery.fun(rig.recovery)
    return asyncio.create_task(work)


async def ended(rig: Rig, task: "asyncio.Task[None]") -> None:
    """Stop the service as Faust does."""
    rig.recovery._stopped.set()
    rig.recovery.signal_recovery_start.set()
    async with asyncio.timeout(10):
        await task
    await rig.recovery.stop_reading()


async def test_each_rebalance_recovers_what_is_assigned_then(rig: Rig) -> None:
    """And Faust goes on after it, with the generation that it was for."""
    reader = rig.read_with(nothing)
    task = run_service(rig)
    rig.assign(2, 0, generation=3)
    await eventually(lambda: rig.completed == [3])
    rig.assign(1, generation=4)
    await eventually(lambda: rig.completed == [3, 4])
    assert reader.recovered == [[0, 2], [1]]
    assert reader.followed == []
    await ended(rig, task)


async def test_a_rebalance_in_the_middle_begins_anew(rig: Rig) -> None:
    """What was being read is ended first; only the new generation is completed."""
    reader = rig.read_with(asyncio.Event().wait)  # type: ignore[arg-type]  # for ever
    task = run_service(rig)
    rig.assign(0, 1, generation=3)
    await eventually(lambda: reader.recovered)
    new = rig.read_with(nothing)
    rig.assign(1, generation=4)
    await eventually(lambda: rig.completed)
    assert (rig.completed, reader.cancelled, new.recovered) == ([4], 1, [[1]])
    await ended(rig, task)


async def test_a_rebalance_that_closes_databases_before_it_begins_anew(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading ends before the new assignment is there; the service must live to recover that: seen where a second
    rebalance came during recovery, and as a worker that stood still for ever."""
    reader = rig.read_with(asyncio.Event().wait)  # type: ignore[arg-type]  # for ever
    task = run_service(rig)
    rig.assign(0, 1, generation=3)
    await eventually(lambda: reader.recovered)
    new = rig.read_with(nothing)

    async def on_rebalance(*_: Any) -> None:
        for _turn in range(20):
            await asyncio.sleep(0)
        rig.assign(1, generation=4)

    monkeypatch.setattr(TableManager, "on_rebalance", on_rebalance)
    await rig.tables.on_rebalance(set(), set(), set(), 4)
    await eventually(lambda: rig.completed or task.done())
    assert (rig.completed, reader.cancelled, new.recovered) == ([4], 1, [[1]])
    await ended(rig, task)


async def test_a_stop_in_the_middle(rig: Rig) -> None:
    """The service ends, and nothing is read any more."""
    reader = rig.read_with(asyncio.Event().wait)  # type: ignore[arg-type]  # for ever
    task = run_service(rig)
    rig.assign(0)
    await eventually(lambda: reader.recovered)
    rig.recovery._stopped.set()
    async with asyncio.timeout(10):
        await task
    await rig.recovery.on_stop()
    assert (reader.cancelled, rig.completed) == (1, [])


async def test_standbys_are_followed_until_the_next_rebalance(rig: Rig) -> None:
    """Behind the actives, in the background."""
    reader = rig.read_with(nothing)
    task = run_service(rig)
    rig.assign(0, standbys=(2, 3))
    await eventually(lambda: rig.completed)
    await eventually(lambda: reader.followed)
    assert (reader.recovered, reader.followed) == ([[0]], [[2, 3]])
    forever = rig.read_with(asyncio.Event().wait)  # type: ignore[arg-type]
    rig.recovery.standby_tps.add(TP("x", 2))
    rig.recovery._following = asyncio.create_task(rig.recovery._follow_standbys())
    await eventually(lambda: forever.followed)
    await rig.recovery.stop_reading()
    assert forever.cancelled == 1
    await ended(rig, task)


@pytest.mark.parametrize("following", [False, True])
async def test_trouble_that_a_person_must_see_to_ends_the_worker(rig: Rig, following: bool) -> None:
    """With the error as it is, once; nothing is completed with half a state."""
    error = StateError("the local store is at another place")

    async def fail() -> None:
        raise error

    task = run_service(rig)
    if following:
        rig.read_with(nothing)
        rig.assign(0)
        await eventually(lambda: rig.completed)
        rig.read_with(fail)
        rig.assign(0, standbys=(1,))
        rig.recovery.actives_for_table.clear()
        await eventually(lambda: rig.given_up)
        await ended(rig, task)
    else:
        rig.read_with(fail)
        rig.assign(0)
        await task
        assert rig.completed == []
    assert rig.given_up == [error]


async def test_any_other_error_is_raised(rig: Rig) -> None:
    """It is ours to mend, and Faust shows it whole."""

    async def fail() -> None:
        raise ZeroDivisionError

    rig.read_with(fail)
    task = run_service(rig)
    rig.assign(0)
    with pytest.raises(ZeroDivisionError):
        await task


async def test_waiting_has_no_deadline_of_fausts(rig: Rig) -> None:
    """Faust takes its end for a stop of the service: after 40 s without Kafka nothing ever recovered again."""
    slow = asyncio.Event()

    async def work() -> None:
        await slow.wait()

    waiting = asyncio.create_task(rig.recovery._wait(work(), timeout=0.0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    slow.set()
    await waiting
    rig.recovery.signal_recovery_start.set()
    with pytest.raises(RebalanceAgain):
        await rig.recovery._wait(asyncio.Event().wait(), timeout=0.0)
    rig.recovery.signal_recovery_start.clear()
    rig.recovery._stopped.set()
    with pytest.raises(ServiceStopped):
        await rig.recovery._wait(asyncio.Event().wait())


async def test_tables_start_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust waits a second, and the group with it."""
    calls: list[str] = []
    tables: Any = rig.tables
    for owner, name in ((tables, "_update_channels"), (rig.recovery, "start"), (tables, "sleep")):

        async def note(*_: Any, name: str = name) -> None:
            calls.append(name)

        monkeypatch.setattr(owner, name, note)
    await tables.on_start()
    assert calls == ["_update_channels", "start"]


async def test_reading_ends_before_databases_are_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebalance closes those of revoked partitions; trouble at opening the new ones ends the worker by name."""
    reader = rig.read_with(asyncio.Event().wait)  # type: ignore[arg-type]
    rig.assign(0)
    reading = asyncio.create_task(rig.recovery._recover())
    await eventually(lambda: reader.recovered)
    seen = []
    error = FatalError("locked")

    async def on_rebalance(*_: Any) -> None:
        seen.append(reader.cancelled)
        raise error

    monkeypatch.setattr(TableManager, "on_rebalance", on_rebalance)
    await rig.tables.on_rebalance(set(), set(), set(), 2)
    assert seen == [1]
    assert rig.given_up == [error]
    reading.cancel()
    await asyncio.wait([reading])


async def test_the_reader_and_its_consumer(rig: Rig) -> None:
    """The settings arrive, and the consumer belongs to no group."""
    reader: Any = rig.recovery._reader(rig.table)
    assert isinstance(rig.table, IndicatorStateTable)
    assert reader._topic == rig.table.changelog_topic.get_topic_name()
    assert (reader._store, reader._deadline_s) == (rig.table.local, 7.0)
    consumer: Any = reader._connect()
    assert consumer._group_id is None
    assert consumer._auto_offset_reset == "none"
    assert "_get_conn" in vars(consumer._client), "its requests are guarded"
    assert "stop" in vars(consumer), "and its stop"
    await consumer.stop()


async def test_fausts_own_ways_of_reading_are_off(rig: Rig) -> None:
    """No changelog record comes that way, and its warnings that none does would be false."""
    for task in (StateRecovery._slurp_changelogs, StateRecovery._publish_stats):
        assert await task.fun(rig.recovery) is None


def test_each_manager_has_settings_of_its_own(tmp_path: Path) -> None:
    """Two apps in one process."""
    first, second = (Settings(data_dir=tmp_path, recovery_deadline_s=s) for s in (5.0, 6.0))
    assert (tables_for(first).settings, tables_for(second).settings) == (first, second)
    assert not hasattr(StateTables, "settings")
