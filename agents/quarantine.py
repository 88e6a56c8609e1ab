"""Quarantine: what is known of the records of a partition that cannot be processed.

A batch that raised may have left rows half changed, so its lane is made anew and the batch is processed record by
record. The record that raises alone, on fresh rows and for the second time, is poison: the lane is made anew once more,
and now rejects that record instead of processing it. So a failing batch costs two restarts and each further poisoned
record in it one, and after every restart more is known than before: it cannot go on for ever.
"""

import logging
from collections.abc import Collection, Iterator, Sequence

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.errors import FatalError, HayateError, RetryError
from streams.kafka.rejection import describe

log = logging.getLogger(__name__)

NO_POISON = (FatalError, RetryError, KafkaError, MemoryError, OSError)
"""What is not the record's fault."""


class BatchFailedError(HayateError):
    """Records raised: the lane that processed them must be made anew."""


class Quarantine:
    """Handed from each lane of a partition to the next, for as long as the partition is ours."""

    def __init__(self, tp: TP) -> None:
        self._tp = tp
        self._poisoned: dict[int, str] = {}
        """Offset -> what it raised."""
        self._first = self._end = 0
        """Offsets from the first up to the end, without it, are processed one by one."""

    @property
    def active(self) -> bool:
        """Whether any record must be looked at by itself."""
        return self._end > 0 or bool(self._poisoned)

    def failed(self, records: Sequence[ConsumerRecord], error: Exception) -> BatchFailedError:
        """Learn from records that raised; the error with which their lane ends."""
        first, end = records[0].offset, records[-1].offset + 1
        if len(records) == 1 and self.suspects(records[0]):
            self._poisoned[first] = describe(error)
            log.error("%s@%d cannot be processed and will be rejected as poison", self._tp, first, exc_info=error)
            return BatchFailedError(f"offset {first} is poison: {describe(error)}")
        if self._end > 0:
            self._first, self._end = min(self._first, first), max(self._end, end)
        else:
            self._first, self._end = first, end
        return BatchFailedError(f"one of the offsets {first} to {end - 1} raised {describe(error)}")

    def know(self, poisoned: Collection[int]) -> None:
        """These were rejected as poison before this worker had the partition: once rejected, always rejected."""
        for offset in poisoned:
            self._poisoned.setdefault(offset, "rejected before")

    def suspects(self, record: ConsumerRecord) -> bool:
        """Whether it stood in a batch that raised."""
        return bool(self._first <= record.offset < self._end)

    def error_of(self, record: ConsumerRecord) -> str | None:
        """What this record raised, if it is poison."""
        return self._poisoned.get(record.offset)

    def cut(self, records: Sequence[ConsumerRecord], size: int) -> Iterator[Sequence[ConsumerRecord]]:
        """Chunks of at most `size` records, poison and suspects each alone."""
        start = 0
        for at, record in enumerate(records):
            alone = self.active and (record.offset in self._poisoned or self.suspects(record))
            if alone or at - start == size:
                if at > start:
                    yield records[start:at]
                start = at
            if alone:
                yield records[at : at + 1]
                start = at + 1
        if start < len(records):
            yield records[start:]

    def settle(self, committed: int) -> None:
        """Forget what nobody will process again."""
        self._poisoned = {offset: text for offset, text in self._poisoned.items() if offset >= committed}
        if self._end <= committed:
            self._first = self._end = 0
