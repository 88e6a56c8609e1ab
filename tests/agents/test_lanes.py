"""Lanes under a schedule of everything that happens to a worker: what comes out is what one undisturbed run gives."""

import asyncio
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.agents.fake_job import CHANGELOG, FEATURES, REJECTED, TICKS, LocalStore, tick
from tests.agents.fake_kafka import FakeKafka, produce_error
from tests.agents.fake_worker import FakeWorker, check, settle
from tests.agents.virtual_time import run

TICK = st.builds(tick, st.sampled_from("abc"), st.integers(-3, 20))
ACTION = st.one_of(
    st.tuples(st.just("produce"), st.lists(TICK, min_size=1, max_size=30)),
    st.tuples(st.just("poll"), st.sampled_from(["plain", "plain", "drop", "twice", "old"]), st.integers(1, 40)),
    st.tuples(st.just("flow"), st.integers(1, 40)),
    st.tuples(st.just("run"), st.sampled_from([0.0, 0.001, 0.004, 0.02, 0.3, 1.5])),
    st.tuples(st.just("fail_produce"), st.sampled_from([FEATURES, REJECTED, CHANGELOG])),
    st.tuples(st.just("fail_commit"), st.sampled_from([TimeoutError(), produce_error()]), st.booleans()),
    st.tuples(st.just("rebalance")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("kill"), st.integers(0, 3)),
)


class Schedule:
    """Carries out actions on one worker after the other."""

    def __init__(self, seed: int, checkpoint_s: float) -> None:
        self.kafka = FakeKafka()
        self._rng = Random(seed)
        self._checkpoint_s = checkpoint_s
        self.worker = self._start(LocalStore())

    async def run(self, actions: list[Any]) -> None:
        """All actions, then what is left of the work."""
        for name, *arguments in actions:
            await getattr(self, f"_{name}")(*arguments)
        await settle(self.worker)
        await self.worker.stop()
        check(self.kafka)

    def _start(self, disk: LocalStore) -> FakeWorker:
        worker = FakeWorker(
            self.kafka,
            disk,
            checkpoint_s=self._checkpoint_s,
            latency_s=lambda: self._rng.choice([0.0, 0.001, 0.003, 0.05]),
        )
        worker.assign()
        return worker

    async def _produce(self, values: list[Any]) -> None:
        self.kafka.append(TICKS, 0, *values)

    async def _poll(self, how: str, count: int) -> None:
        self.worker.poll(how, count)

    async def _flow(self, polls: int) -> None:
        for _ in range(polls):
            self.worker.poll(count=7)
            await asyncio.sleep(0.004)

    async def _run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _fail_produce(self, topic: str) -> None:
        self.worker.producer.failing[topic] = produce_error()

    async def _fail_commit(self, error: BaseException, applied: bool) -> None:
        self.worker.broker.commit_errors.append((error, applied))

    async def _rebalance(self) -> None:
        await self.worker.revoke()
        self.kafka.generation += 1
        self.worker.assign()

    async def _stop(self) -> None:
        await self.worker.stop()
        self.worker = self._start(self.worker.store)

    async def _kill(self, written: int) -> None:
        self.worker = self._start(await self.worker.kill(written))


@given(st.lists(ACTION, max_size=25), st.integers(0, 2**32), st.sampled_from([0.0, 0.5]))
def test_any_schedule_gives_what_an_undisturbed_run_gives(actions: list[Any], seed: int, checkpoint_s: float) -> None:
    """Polls dropped, doubled and raced, failures, rebalances, stops and kills: nothing missing, twice, or different."""

    async def scenario() -> None:
        await Schedule(seed, checkpoint_s).run(actions)

    run(scenario())
