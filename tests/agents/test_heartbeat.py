"""The zombie guard in virtual time: a process that stood still writes nothing before the group has confirmed it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from aiokafka.errors import NodeNotReadyError

from agents.heartbeat import BEATS, Heartbeat, awake_s
from tests.agents.fake_job import CHANGELOG, FEATURES, REJECTED, LocalStore
from tests.agents.fake_kafka import FakeKafka
from tests.agents.fake_worker import (
    INPUT,
    SESSION_S,
    FakeWorker,
    check,
    outputs,
    settle,
    simulated,
    some_ticks,
    turns,
    until,
)
from tests.agents.virtual_time import run

LONG_S = SESSION_S * 0.6
"""Longer than half the session, and shorter than the whole."""


class Patient:
    """A heartbeat whose process can be stopped, and whose coordinator says what the test wants."""

    def __init__(self) -> None:
        self.stopped_s = 0.0
        self.answers: list[bool | Exception] = []
        self.asked = 0
        self.suspicions = 0
        self.fatal: list[BaseException] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.heartbeat = Heartbeat(
            SESSION_S,
            self._confirm,
            on_suspect=self._note,
            on_fatal=self.fatal.append,
            clock=lambda: asyncio.get_running_loop().time() + self.stopped_s,
        )

    def _note(self) -> None:
        self.suspicions += 1

    async def _confirm(self) -> bool:
        self.asked += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_process_that_runs_is_not_suspect() -> None:
    async def scenario() -> None:
        patient = Patient()
        assert not patient.heartbeat.suspect(), "it has not begun"
        patient.heartbeat.start()
        patient.heartbeat.start()
        for _ in range(1_000):
            await asyncio.sleep(0.37)
            assert not patient.heartbeat.suspect()
        await patient.heartbeat.confirmed()
        assert patient.asked == 0
        patient.heartbeat.stop()

    run(scenario())


@pytest.mark.parametrize("stopped_s", [0.0, SESSION_S * 0.39])
def test_a_short_stop_is_forgiven(stopped_s: float) -> None:
    """Together with what had passed since the last beat it is not half a session."""

    async def scenario() -> None:
        patient = Patient()
        patient.heartbeat.start()
        await asyncio.sleep(SESSION_S / BEATS * 7.99)
        patient.stopped_s += stopped_s
        assert not patient.heartbeat.suspect()
        await asyncio.sleep(2)
        assert patient.suspicions == 0
        patient.heartbeat.stop()

    run(scenario())


@pytest.mark.parametrize("looked", [True, False])
def test_a_long_stop_is_seen_by_whoever_comes_first(looked: bool) -> None:
    """Who is about to write, or the beat itself, although the beat is up to date afterwards."""

    async def scenario() -> None:
        patient = Patient()
        patient.answers = [False, NodeNotReadyError(), False]
        patient.heartbeat.start()
        await asyncio.sleep(3.3)
        patient.stopped_s += LONG_S
        if looked:
            assert patient.heartbeat.suspect()
            assert patient.suspicions == 1
        await asyncio.sleep(SESSION_S / BEATS)
        assert patient.heartbeat.suspect()
        waiter = asyncio.create_task(patient.heartbeat.confirmed())
        await turns(3)
        assert not waiter.done()
        await waiter
        assert not patient.heartbeat.suspect()
        assert (patient.suspicions, patient.asked) == (1, 4)
        patient.stopped_s += LONG_S
        assert patient.heartbeat.suspect()
        assert patient.suspicions == 2
        await patient.heartbeat.confirmed()
        patient.heartbeat.stop()

    run(scenario())


def test_an_answer_from_before_another_stop_does_not_count() -> None:
    async def scenario() -> None:
        patient = Patient()
        patient.gate.clear()
        patient.heartbeat.start()
        patient.stopped_s += LONG_S
        assert patient.heartbeat.suspect()
        await turns(5)
        assert patient.asked == 1
        patient.stopped_s += LONG_S
        patient.gate.set()
        await turns(5)
        assert patient.heartbeat.suspect(), "the answer had been on its way all the time"
        await patient.heartbeat.confirmed()
        assert (patient.asked, patient.suspicions) == (2, 1)
        patient.heartbeat.stop()

    run(scenario())


def test_a_coordinator_that_does_not_answer_is_asked_again() -> None:
    async def scenario() -> None:
        patient = Patient()
        patient.gate.clear()
        patient.heartbeat.start()
        patient.stopped_s += LONG_S
        assert patient.heartbeat.suspect()
        await asyncio.sleep(60)
        assert patient.heartbeat.suspect()
        assert patient.asked > 5
        patient.gate.set()
        await patient.heartbeat.confirmed()
        patient.heartbeat.stop()

    run(scenario())


def test_an_error_that_is_nobodys_ends_the_worker() -> None:
    async def scenario() -> None:
        patient = Patient()
        patient.answers = [ZeroDivisionError("ours")]
        patient.heartbeat.start()
        patient.stopped_s += LONG_S
        assert patient.heartbeat.suspect()
        await turns(5)
        assert isinstance(patient.fatal[0], ZeroDivisionError)
        assert patient.heartbeat.suspect()
        patient.heartbeat.stop()

    run(scenario())


def test_stopped_while_it_asks() -> None:
    async def scenario() -> None:
        patient = Patient()
        patient.gate.clear()
        patient.heartbeat.start()
        patient.stopped_s += LONG_S
        assert patient.heartbeat.suspect()
        await turns(3)
        patient.heartbeat.stop()
        await turns(3)
        assert patient.fatal == []
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # type: ignore[union-attr]

    run(scenario())


def written(kafka: FakeKafka) -> tuple[int, int, int, object]:
    """Everything that a zombie must leave alone."""
    return len(kafka.log(FEATURES)), len(kafka.log(REJECTED)), len(kafka.log(CHANGELOG)), dict(kafka.committed)


async def stop_for(worker: FakeWorker, seconds: float) -> None:
    """As SIGSTOP and SIGCONT."""
    worker.skipped_s += seconds
    await turns(1)


def at(step: str, worker: FakeWorker) -> Callable[[], object]:
    """Whether a batch's life has come to this step."""
    kafka = worker.kafka
    return {
        "produce": lambda: worker.producer.waits(FEATURES),
        "changelog": lambda: worker.producer.waits(CHANGELOG),
        "commit": lambda: len(kafka.log(CHANGELOG)) == 2,
    }[step]


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("step", ["produce", "changelog", "commit"])
def test_a_zombie_writes_nothing_more(step: str, moved: bool) -> None:
    """Stopped at each step of a checkpoint, longer than half its session: what is not on the wire stays unwritten, and
    the local store has no row of it. If the group has moved on it comes back with the next assignment; if not, it goes
    on, and a commit that had arrived all the same is known."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held.add({"produce": FEATURES, "changelog": CHANGELOG, "commit": ""}[step])
        worker.broker.commit_gate.clear()
        worker.poll()
        await until(at(step, worker))
        await turns(10)
        some_ticks(kafka, 20)
        if moved:
            kafka.generation += 1
        await stop_for(worker, LONG_S)
        before = written(kafka)
        worker.poll()
        for _ in range(40):
            await asyncio.sleep(0.1)
            worker.poll()
        if moved:
            assert written(kafka) == before
        assert worker.store.rows == {}
        assert worker.broker.commits == []
        worker.producer.release(FEATURES)
        worker.producer.release(CHANGELOG)
        worker.producer.held.clear()
        worker.broker.commit_gate.set()
        if moved:
            await asyncio.sleep(20)
            assert worker.store.rows == {}
            assert worker.broker.commits == []
            await worker.revoke()
            worker.assign()
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_what_waits_for_its_turn_is_taken_back() -> None:
    """It is not on the wire: nobody but us would ever send it."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.producer.held |= {FEATURES, REJECTED}
        worker.poll(count=10)
        await turns(5)
        worker.poll()
        await turns(5)
        kafka.generation += 1
        await stop_for(worker, LONG_S)
        assert worker.heartbeat.suspect()
        worker.producer.release(FEATURES)
        worker.producer.release(REJECTED)
        await asyncio.sleep(5)
        assert len(kafka.log(FEATURES)) <= 8
        assert len(kafka.log(REJECTED)) <= 2
        await worker.stop()

    simulated(scenario)


def test_nothing_at_a_revocation_after_a_stop() -> None:
    """After SIGCONT the callback runs with the old generation: no last checkpoint then."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        before = written(kafka)
        worker.skipped_s += LONG_S
        await worker.revoke()
        assert written(kafka) == before
        assert worker.store.rows == {}
        worker.assign()
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_nothing_at_the_end_after_a_stop() -> None:
    """SIGTERM right behind SIGCONT: the next start repeats the work."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        before = written(kafka)
        worker.skipped_s += LONG_S
        assert not await worker.lanes.close(checkpoint=True)
        assert written(kafka) == before
        await worker.stop()

    simulated(scenario)


@pytest.mark.parametrize("seen", [True, False])
def test_lanes_assigned_to_a_suspect_wait(seen: bool) -> None:
    """It stood still while its tables recovered, and the group has moved on meanwhile."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.heartbeat.start()
        worker.skipped_s += LONG_S
        if seen:
            assert worker.heartbeat.suspect()
        worker.assign()
        kafka.generation += 1
        await asyncio.sleep(30)
        worker.poll()
        assert worker.broker.epochs[INPUT] == 0
        worker.broker.generation = kafka.generation
        await settle(worker)
        assert worker.restarts <= (not seen)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_stop_that_the_group_did_not_notice_costs_a_restart_and_nothing_else() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 20)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.poll(count=7)
        await asyncio.sleep(0.5)
        await stop_for(worker, LONG_S)
        await settle(worker)
        assert worker.restarts == 1
        await worker.stop()
        check(kafka)
        assert len(outputs(kafka)[FEATURES]) == 16

    simulated(scenario)


STOPPED = """
import asyncio, sys
from agents.heartbeat import Heartbeat

async def main():
    seen = asyncio.Event()
    async def confirm():
        return True
    heartbeat = Heartbeat(1.0, confirm, on_suspect=seen.set, on_fatal=print)
    heartbeat.start()
    print("beats", flush=True)
    await seen.wait()
    await heartbeat.confirmed()
    print("trusted", heartbeat.suspect(), flush=True)

asyncio.run(main())
"""


def test_a_real_stop_is_seen() -> None:
    """SIGSTOP and SIGCONT, with the real clock."""
    process = subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "beats\n"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        began = time.monotonic()
        while time.monotonic() - began < 0.7:
            time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "trusted False\n"
        assert process.wait() == 0
    finally:
        killer.cancel()
        process.kill()
        process.wait()


def test_the_clock_goes_on() -> None:
    assert awake_s() <= awake_s()
