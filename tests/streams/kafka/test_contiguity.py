"""Contiguity against a model log: every offset once, in order, none lost, whatever happens to the polls."""

from bisect import bisect_left
from itertools import accumulate

from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.kafka.batching import Batch
from streams.kafka.contiguity import Contiguity

TICKS = TP("ticks", 3)


def poll_of(offsets: list[int], epoch: int = 0) -> Batch:
    """A poll that gave the records at these offsets."""
    records = [ConsumerRecord("ticks", 3, offset, 0, 0, None, b"", None, 0, 0, ()) for offset in offsets]
    return Batch(TICKS, records, epoch)


def taken(contiguity: Contiguity, offsets: list[int], epoch: int = 0) -> tuple[list[int], int | None]:
    """Offsets accepted of a poll, and the gap that was reported."""
    records, gap = contiguity.take(poll_of(offsets, epoch))
    return [record.offset for record in records], gap


def test_begins_at_the_expected_offset_and_goes_on_from_there() -> None:
    contiguity = Contiguity(5)
    assert taken(contiguity, [5, 6, 7]) == ([5, 6, 7], None)
    assert taken(contiguity, [8]) == ([8], None)
    assert (contiguity.expected, contiguity.skipped) == (9, 0)


def test_what_came_before_is_cut_off_a_poll_and_counted() -> None:
    contiguity = Contiguity(5)
    assert taken(contiguity, [3, 4, 5, 6]) == ([5, 6], None)
    assert taken(contiguity, [3, 4, 5, 6]) == ([], None)
    assert taken(contiguity, [6]) == ([], None)
    assert (contiguity.expected, contiguity.skipped) == (7, 7)


def test_a_gap_accepts_nothing_and_changes_nothing_until_it_is_accepted() -> None:
    contiguity = Contiguity(5)
    for _ in range(2):
        assert taken(contiguity, [9, 10]) == ([], 9)
        assert (contiguity.expected, contiguity.skipped) == (5, 0)
    contiguity.accept_gap(9)
    assert taken(contiguity, [9, 10]) == ([9, 10], None)
    assert contiguity.expected == 11


def test_a_hole_inside_a_poll_is_the_log_s_own() -> None:
    contiguity = Contiguity(5)
    assert taken(contiguity, [5, 8, 9]) == ([5, 8, 9], None)
    assert contiguity.expected == 10
    assert taken(Contiguity(7), [5, 8, 9]) == ([8, 9], None)


def test_a_poll_from_before_the_reread_is_not_taken_even_where_it_would_fit() -> None:
    contiguity = Contiguity(5)
    contiguity.reread(2)
    for epoch in (0, 1):
        assert taken(contiguity, [5, 6], epoch) == ([], None)
        assert taken(contiguity, [9], epoch) == ([], None), "nor is it a gap"
    assert (contiguity.expected, contiguity.skipped) == (5, 6)
    assert taken(contiguity, [5, 6], 2) == ([5, 6], None)
    assert taken(contiguity, [7], 3) == ([7], None), "another lane's reread is newer, not older"


class Reading(RuleBasedStateMachine):
    """A log with real gaps, a consumer whose position anybody may move, and polls that are lost, repeated, reordered.

    Polls are handled as agents.lane does it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.next_offset = 0
        self.position = 0
        self.epoch = 0
        self.waiting: list[Batch] = []
        self.accepted: list[int] = []
        self.delivered = self.refused = 0

    @initialize(steps=st.lists(st.sampled_from([1, 1, 1, 2, 5]), max_size=30), committed=st.integers(0, 20))
    def start(self, steps: list[int], committed: int) -> None:
        self.append(steps)
        self.committed = self.position = committed
        self.contiguity = Contiguity(committed)

    @rule(steps=st.lists(st.sampled_from([1, 1, 1, 3]), min_size=1, max_size=8))
    def append(self, steps: list[int]) -> None:
        for offset in accumulate(steps, initial=self.next_offset):
            self.next_offset = offset
            self.log.append(offset)
        self.next_offset += 1

    @rule(count=st.integers(1, 6))
    def poll(self, count: int) -> None:
        first = bisect_left(self.log, self.position)
        offsets = self.log[first : first + count]
        if offsets:
            self.waiting.append(poll_of(offsets, self.epoch))
            self.position = offsets[-1] + 1

    @rule(count=st.integers(1, 6))
    def poll_is_lost(self, count: int) -> None:
        self.poll(count)
        if self.waiting:
            self.waiting.pop()

    @rule(back=st.integers(-6, 12))
    def somebody_seeks(self, back: int) -> None:
        self.position = max(0, self.position - back)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.waiting.append(data.draw(st.sampled_from(self.waiting)))

    @precondition(lambda self: len(self.waiting) > 1)
    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        self.waiting = data.draw(st.permutations(self.waiting))

    @precondition(lambda self: self.waiting)
    @rule()
    def deliver(self) -> None:
        batch = self.waiting.pop(0)
        self.delivered += len(batch.records)
        records, gap = self.contiguity.take(batch)
        if gap is not None:
            assert records == []
            present = bisect_left(self.log, self.contiguity.expected)
            if self.log[present] != gap:
                self.refused += len(batch.records)
                self.position = self.contiguity.expected
                self.epoch += 1
                self.contiguity.reread(self.epoch)
                return
            self.contiguity.accept_gap(gap)
            records, gap = self.contiguity.take(batch)
            assert gap is None
        self.accepted += [record.offset for record in records]

    @invariant()
    def each_once_and_in_order(self) -> None:
        first = bisect_left(self.log, getattr(self, "committed", 0))
        assert self.accepted == self.log[first : first + len(self.accepted)]

    @invariant()
    def every_delivered_record_is_counted(self) -> None:
        skipped = self.contiguity.skipped if hasattr(self, "contiguity") else 0
        assert self.delivered == len(self.accepted) + skipped + self.refused

    def teardown(self) -> None:
        """Nothing is lost: once anything newer comes, all of the log has been accepted."""
        if not hasattr(self, "contiguity"):
            return
        self.append([1])
        self.position = min(self.position, self.log[-1])
        for _ in range(len(self.log) + len(self.waiting) + 3):
            self.poll(10)
            if self.waiting:
                self.deliver()
        self.each_once_and_in_order()
        assert self.accepted[-1:] == self.log[-1:] or self.committed > self.log[-1]
        assert len(self.accepted) == len(self.log) - bisect_left(self.log, self.committed)


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
