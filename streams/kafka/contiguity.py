"""Contiguity: the next batch of a partition begins where the last one ended.

faust 0.15.3: polls race with the seek after recovery, with the suspension of the flow and with a change of generation;
such a batch comes from before the committed offset, comes twice, or is dropped with the read position moved past it,
all without a word. Seen at 6 of 24 starts with a backlog, up to 3,000 records each.
"""

from aiokafka import ConsumerRecord

from streams.kafka.batching import Batch


class Contiguity:
    """Accepts each offset once and in order; says where reading has to begin again when one is missing."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        """Offset of the next record to accept."""
        self.skipped = 0
        """Records that came again and were not accepted twice."""
        self.epoch = 0
        """What was polled in an earlier one is not taken any more."""

    def take(self, batch: Batch) -> tuple[list[ConsumerRecord], int | None]:
        """Records of `batch` to process now, and the offset it begins at where that is beyond the expected one.

        With a gap nothing is accepted: the caller finds out whether the log itself has no record there, and calls
        `accept_gap` and `take` again, or reads again and calls `reread`.
        """
        records: list[ConsumerRecord] = batch.records
        if batch.epoch < self.epoch or records[-1].offset < self.expected:
            self.skipped += len(records)
            return [], None
        if records[0].offset > self.expected:
            return [], records[0].offset
        if records[0].offset < self.expected:
            fresh = [record for record in records if record.offset >= self.expected]
            self.skipped += len(records) - len(fresh)
            records = fresh
        self.expected = records[-1].offset + 1
        return records, None

    def accept_gap(self, first: int) -> None:
        """The log has no record from the expected offset up to `first`: retention, compaction or markers took them."""
        self.expected = first

    def reread(self, epoch: int) -> None:
        """Reading began again at the expected offset; what was polled before that is not taken any more."""
        self.epoch = epoch
