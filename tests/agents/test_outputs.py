"""The output streams of one lane: what exists is not written again, what is written says where it comes from, and a
commit covers no more than is known to be there."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import pytest

from agents import outputs as module
from agents.outputs import Outputs
from streams.errors import RetryError
from streams.kafka.outlet import Record
from streams.kafka.tail import TailReader
from tests.agents.fake_kafka import FakeKafka, FakeLog, FakeProducer, produce_error
from tests.agents.virtual_time import run

A: Final = "a"
B: Final = "b"


class Case:
    """Outputs to two streams, on the Kafka of a test."""

    def __init__(self, kafka: FakeKafka) -> None:
        self.kafka = kafka
        self.producer = FakeProducer(kafka)
        self.notes: list[tuple[str, Any]] = []
        self.failures = 0
        self.outputs = Outputs(lambda: self.producer, 0, on_acknowledged=self._acknowledged, on_failed=self._failed)

    async def open(self, committed: int = 0, ends: Mapping[str, int] | None = None) -> Outputs:
        """Read what exists."""
        await self.outputs.open((A, B), committed, ends or {}, TailReader(FakeLog(self.kafka)))
        return self.outputs

    async def checkpoint(self, offset: int) -> dict[str, int]:
        """Wait for everything that was handed over; what a commit of `offset` would say of the ends."""
        await self.outputs.wait_acknowledged(self.outputs.tickets(), offset)
        return dict(self.outputs.ends)

    async def write(self, *puts: tuple[str, int, str | None]) -> list[bool]:
        """Emit outputs (stream, source offset, part) and hand them over; says which were new."""
        new = [self.outputs.emit(stream, source, output(source, part), source, part) for stream, source, part in puts]
        self.outputs.flush()
        await asyncio.sleep(1)
        return new

    def log(self, stream: str) -> list[tuple[bytes | None, dict[str, bytes]]]:
        """Value and headers of what is there."""
        return [(record.value, dict(record.headers)) for record in self.kafka.log(stream)]

    def _acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        self.notes += [(stream, note) for note in notes]

    def _failed(self) -> None:
        self.failures += 1


def output(source: int, part: str | None = None) -> Record:
    """An output with a header of its own."""
    return Record(b"k", f"{source}{part or ''}".encode(), [("sent_ns", b"1")])


def play(scenario: Callable[[Case], Coroutine[Any, Any, None]], kafka: FakeKafka | None = None) -> None:
    """Run a scenario to its end, in virtual time."""

    async def whole() -> None:
        case = Case(kafka or FakeKafka())
        try:
            await scenario(case)
        finally:
            await case.outputs.close()
            await case.producer.stop()

    run(whole())


def heads(*sources: tuple[int, int, str | None]) -> list[tuple[bytes, dict[str, bytes]]]:
    """What a log holds for these: source offset, that of the record before, part."""
    return [
        (
            f"{source}{part or ''}".encode(),
            {"src": b"%d" % source, "prev": b"%d" % prev, "sent_ns": b"1"} | ({"part": part.encode()} if part else {}),
        )
        for source, prev, part in sources
    ]


def test_each_record_names_its_source_its_part_and_the_one_before() -> None:
    """Per stream, for one process after another."""
    kafka = FakeKafka()

    async def first(case: Case) -> None:
        await case.open()
        assert all(await case.write((A, 0, None), (B, 0, "x"), (B, 0, "y"), (A, 2, None)))
        assert all(await case.write((B, 5, "x")))
        assert case.log(A) == heads((0, -1, None), (2, 0, None))
        assert case.log(B) == heads((0, -1, "x"), (0, 0, "y"), (5, 0, "x"))
        assert sorted(case.notes) == [(A, 0), (A, 2), (B, 0), (B, 0), (B, 5)]

    async def second(case: Case) -> None:
        await case.open(6, {A: 2, B: 3})
        await case.write((A, 6, None), (B, 6, "x"))
        assert case.log(A)[2:] == heads((6, 2, None))
        assert case.log(B)[3:] == heads((6, 5, "x"))

    play(first, kafka)
    play(second, kafka)


def test_nothing_is_seen_before_the_flush_and_nothing_of_what_is_discarded() -> None:
    """A batch that raises has emitted nothing."""

    async def scenario(case: Case) -> None:
        outputs = await case.open()
        outputs.emit(A, 0, output(0), None)
        await asyncio.sleep(1)
        assert case.log(A) == []
        outputs.discard()
        outputs.flush()
        await case.write((A, 1, None))
        assert case.log(A) == heads((1, -1, None))

    play(scenario)


def test_of_one_source_only_the_missing_parts_are_written() -> None:
    """A crash came in the middle of the bars that one mark closed."""
    kafka = FakeKafka()

    async def torn(case: Case) -> None:
        await case.open()
        await case.write((B, 3, "x"), (B, 7, "x"), (B, 7, "y"))

    async def again(case: Case) -> None:
        await case.open(4)
        assert case.outputs.existing == {A: 0, B: 1}
        assert await case.write((A, 7, None), (B, 7, "x"), (B, 7, "y"), (B, 7, "z"), (B, 8, "x")) == [
            True,
            False,
            False,
            True,
            True,
        ]
        assert case.log(B) == heads((3, -1, "x"), (7, 3, "x"), (7, 7, "y"), (7, 7, "z"), (8, 7, "x"))

    play(torn, kafka)
    play(again, kafka)


def test_a_commit_says_where_a_stream_ended() -> None:
    """Behind what is acknowledged, and of a stream without new records where it ended before."""

    async def scenario(case: Case) -> None:
        await case.open()
        assert await case.checkpoint(0) == {A: 0, B: 0}
        await case.write((A, 0, None), (A, 1, None))
        assert await case.checkpoint(2) == {A: 2, B: 0}
        await case.write((B, 4, "x"), (B, 4, "y"))
        assert await case.checkpoint(5) == {A: 2, B: 2}

    play(scenario)


def test_while_a_replay_has_not_caught_up_the_ends_stay() -> None:
    """What it skips stands before what it writes: an end behind that would leave out records above the commit."""
    kafka = FakeKafka()

    async def first(case: Case) -> None:
        await case.open()
        await case.write((A, 0, None), (B, 0, "x"), (B, 1, "x"), (B, 9, "x"))

    async def replay(case: Case) -> None:
        await case.open(1, {A: 1, B: 1})
        # The mark at 9 had closed one more bar.
        assert await case.write((A, 3, None), (B, 3, "x"), (B, 9, "x")) == [True, True, False]
        assert await case.checkpoint(4) == {A: 2, B: 1}
        assert await case.checkpoint(9) == {A: 2, B: 1}
        assert await case.write((B, 9, "y")) == [True]
        assert await case.checkpoint(10) == {A: 2, B: 5}

    async def third(case: Case) -> None:
        await case.open(4, {A: 2, B: 1})
        assert await case.write((B, 9, "x"), (B, 9, "y"), (B, 9, "z")) == [False, False, True]

    play(first, kafka)
    play(replay, kafka)
    play(third, kafka)


def test_without_a_checkpoint_the_end_is_known_once_all_that_exists_is_behind() -> None:
    """A first process died before its first checkpoint: the next one begins at 0, and says nothing of that stream
    until it is past what it found there."""
    kafka = FakeKafka()

    async def first(case: Case) -> None:
        await case.open()
        await case.write((A, 0, None), (A, 5, None))

    async def second(case: Case) -> None:
        await case.open()
        assert case.outputs.ends == {B: 0}
        await case.write((A, 2, None))
        assert await case.checkpoint(5) == {B: 0}
        await case.write((A, 6, None))
        assert await case.checkpoint(7) == {A: 4, B: 0}

    play(first, kafka)
    play(second, kafka)


def test_poison_of_every_stream() -> None:
    """What was rejected as such is known again."""
    kafka = FakeKafka()
    for stream, source in ((A, 3), (B, 5), (B, 1)):
        kafka.append(stream, 0, (None, b"v", [("src", b"%d" % source), ("reason", b"poison")]))

    async def scenario(case: Case) -> None:
        await case.open(3)
        assert case.outputs.poisoned == {3, 5}

    play(scenario, kafka)


def test_a_failed_produce_is_said_everywhere() -> None:
    """Nothing follows it in its stream."""

    async def scenario(case: Case) -> None:
        outputs = await case.open()
        assert not outputs.congested
        case.producer.failing[A] = produce_error()
        await case.write((A, 0, None), (B, 0, None))
        assert case.failures == 1
        assert outputs.congested
        await case.write((A, 1, None))
        assert (case.log(A), case.log(B)) == ([], heads((0, -1, None)))
        with pytest.raises(RetryError, match=r"a\[0\]"):
            await outputs.room()
        with pytest.raises(RetryError, match=r"a\[0\]"):
            await case.checkpoint(2)

    play(scenario)


def test_room_is_waited_for_where_much_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until half of it has arrived."""
    monkeypatch.setattr(module, "MAX_UNACKNOWLEDGED", 4)

    async def scenario(case: Case) -> None:
        outputs = await case.open()
        case.producer.held.add(A)
        await case.write(*((A, source, None) for source in range(4)))
        assert not outputs.congested
        await outputs.room()
        await case.write((A, 4, None))
        assert outputs.congested
        waiting = asyncio.create_task(outputs.room())
        await asyncio.sleep(1)
        assert not waiting.done()
        case.producer.release(A)
        case.producer.held.add(A)  # the first request arrives, the one behind it does not
        await waiting
        assert not outputs.congested
        assert len(case.log(A)) == 4
        case.producer.release(A)

    play(scenario)


def test_abandoned_outputs_write_nothing_more() -> None:
    """Neither what was emitted nor what waits for its turn on the wire."""

    async def scenario(case: Case) -> None:
        outputs = await case.open()
        case.producer.held.add(A)
        await case.write((A, 0, None))
        await case.write((A, 1, None))  # waits: one request is on the wire
        outputs.emit(A, 2, output(2), None)
        outputs.abandon()
        outputs.flush()
        case.producer.release(A)
        await asyncio.sleep(1)
        assert case.log(A) == heads((0, -1, None))

    play(scenario)
