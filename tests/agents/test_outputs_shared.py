"""A topic that others write to as well: no chain that a reader could find holes in, and no cost by what they write."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agents.outputs import Outputs
from streams.kafka.tail import TailReader
from tests.agents.fake_kafka import FakeKafka, FakeLog
from tests.agents.test_outputs import A, B, Case
from tests.agents.virtual_time import run


class SharedCase(Case):
    """B is written to by others."""

    async def open(self, committed: int = 0, ends: Mapping[str, int] | None = None) -> Outputs:
        """Read what exists."""
        await self.outputs.open((A, B), committed, ends or {}, TailReader(FakeLog(self.kafka), frozenset({B})))
        return self.outputs


def play(scenario: Callable[[Case], Coroutine[Any, Any, None]], kafka: FakeKafka) -> None:
    """Run a scenario to its end, in virtual time."""

    async def whole() -> None:
        case = SharedCase(kafka)
        try:
            await scenario(case)
        finally:
            await case.outputs.close()
            await case.producer.stop()

    run(whole())


def foreign(kafka: FakeKafka, count: int) -> None:
    """Somebody else writes to B."""
    for _ in range(count):
        kafka.append(B, 0, (b"k", b"theirs", []))


def test_records_of_a_shared_topic_name_none_before_them() -> None:
    """After a restart an older record may be told late, behind a newer one: that is no hole."""
    kafka = FakeKafka()

    async def first(case: Case) -> None:
        await case.open()
        assert await case.write((A, 3, None), (B, 3, "x"), (A, 9, None), (B, 9, "x")) == [True] * 4

    async def second(case: Case) -> None:
        foreign(kafka, 2)
        await case.open(2, {A: 0, B: 0})
        assert await case.write((B, 3, "x"), (B, 5, "x"), (B, 9, "x"), (B, 9, "y")) == [False, True, False, True]

    play(first, kafka)
    play(second, kafka)
    assert [dict(record.headers).get("prev") for record in kafka.log(A)] == [b"-1", b"3"]
    ours = [dict(record.headers) for record in kafka.log(B) if record.value != b"theirs"]
    assert [(head["src"], head["part"]) for head in ours] == [(b"3", b"x"), (b"9", b"x"), (b"5", b"x"), (b"9", b"y")]
    assert not any("prev" in head for head in ours)


def test_what_others_wrote_is_read_once() -> None:
    """The next commit stands behind it, though there was nothing of ours."""
    kafka = FakeKafka()
    foreign(kafka, 7)

    async def nothing_of_ours(case: Case) -> None:
        await case.open(4, {A: 0, B: 1})
        assert await case.checkpoint(4) == {A: 0, B: 7}

    play(nothing_of_ours, kafka)


def test_what_is_ours_is_found_again_behind_theirs() -> None:
    """While it is still to come, the commit stays before it."""
    kafka = FakeKafka()
    foreign(kafka, 3)

    async def writes(case: Case) -> None:
        await case.open(4, {A: 0, B: 1})
        await case.write((B, 6, "x"))

    async def again(case: Case) -> None:
        await case.open(4, {A: 0, B: 3})
        assert case.outputs.ends[B] == 3
        assert await case.write((B, 6, "x")) == [False]

    play(writes, kafka)
    play(again, kafka)
