"""Ticks for training, in the form in which a worker meets them: decoded micro-batches, clock marks between the ticks.

Files go through the very bytes that `faust -A app replay` would send, the `ticks` topic is read as it lies there. So
what the fold makes of either is what a worker made, or would have made.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import ConfigError, RetryError
from streams.export.selection import FIRST_NS, NS_PER_MS, Selection
from streams.feeds.clock_marks import Marked, with_clock_marks
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.recording import Recording
from streams.feeds.wire import encode_checked, encode_mark
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import TICKS
from streams.marks import CLOCK_KIND, REFERENCE_KIND, ClockMark
from streams.quality.rules import QualityFilters
from streams.records import KIND, Tick
from streams.settings import Settings
from streams.ticks import Decoded, TickDecoder

AT_ONCE: Final = 8_192
"""Ticks of a micro-batch: neither few for the fold nor many for the memory."""
WARM_UP_NS: Final = 3_600_000_000_000
"""How long before --from reading of the topic begins, so that windows are full at --from."""
FETCH_TIMEOUT_S: Final = 30.0


class _Line(NamedTuple):
    """A record as Kafka would bring it (aiokafka.ConsumerRecord), as far as a decoder looks."""

    offset: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = 0
    timestamp: int = -1
    timestamp_type: int = 0


def ticks_of_files(
    sources: Sequence[Path | str | Iterable[Tick]],
    *,
    filters: QualityFilters,
    references: Sequence[str] = (),
    symbol: str | None = None,
    mapping: ColumnMapping | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> Iterator[Decoded]:
    """Micro-batches of the ticks of files (or of anything that yields ticks), merged by event time.

    The options are those of `faust -A app replay`. `references`: symbols of whose ticks the worker would get copies.

    Raises:
        ConfigError: there is no file, or an option cannot be.
        TickFileError: a file or a line of it cannot be used.
    """
    recording = Recording(sources, symbol=symbol, mapping=mapping, skip_bad=skip_bad)
    decoder = TickDecoder(1, any_partition=True, filters=filters)
    lines = _lines(with_clock_marks(islice(recording, limit)), frozenset(references))
    while batch := list(islice(lines, AT_ONCE)):
        yield decoder.decode(cast("list[ConsumerRecord]", batch))


def _lines(marked: Iterable[Marked], references: frozenset[str]) -> Iterator[_Line]:
    offset = 0
    for one in marked:
        if isinstance(one, ClockMark):
            yield _Line(offset, None, encode_mark(one), ((KIND, CLOCK_KIND),))
        else:
            value = encode_checked(one)
            yield _Line(offset, one.symbol.encode(), value)
            if one.symbol in references:
                offset += 1
                yield _Line(offset, one.symbol.encode(), value, ((KIND, REFERENCE_KIND),))
        offset += 1


class TickTopic:
    """The `ticks` topic between two times. `log` is connected."""

    def __init__(self, settings: Settings, log: LogReader, selection: Selection, *, stop: asyncio.Event) -> None:
        """`selection`: which event times; the hour before is read too, to fill the windows. `stop` ends the reading."""
        self._settings = settings
        self._log = log
        self._selection = selection
        self._stop = stop
        self._topic = settings.topic(TICKS)

    async def partition(self, partition: int, filters: QualityFilters) -> AsyncGenerator[Decoded, None]:
        """Micro-batches of one partition, as far as the log went at the first question.

        Raises:
            RetryError: Kafka is away or refuses, or the command was asked to stop.
        """
        tp = TopicPartition(self._topic, partition)
        decoder = TickDecoder(self._settings.partitions, any_partition=self._settings.any_partition, filters=filters)
        try:
            async with aclosing(self._batches(tp)) as batches:
                async for records in batches:
                    yield decoder.decode(records)
        except (KafkaError, TimeoutError) as error:
            raise RetryError(
                f"{self._topic}[{partition}]: Kafka refuses or is away ({error!r}): run this again"
            ) from error

    async def _batches(self, tp: TopicPartition) -> AsyncGenerator[list[Any], None]:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            offset, end = await self._log.bounds(tp)
            if self._selection.start_ns > FIRST_NS:
                first = await self._log.offset_at(tp, (self._selection.start_ns - WARM_UP_NS) // NS_PER_MS)
                offset = end if first is None else max(first, offset)
        while offset < end:
            if self._stop.is_set():
                raise RetryError("the training was stopped and has written nothing: run it again")
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                records, following = await self._log.fetch(tp, offset)
            if following == offset:
                return
            offset = following
            yield [record for record in records if record.offset < end]


def check_times(selection: Selection, files: Sequence[Path]) -> None:
    """Refuse a range of event times for files, which are read whole.

    Raises:
        ConfigError: both are given.
    """
    if files and selection.start_ns > FIRST_NS:
        raise ConfigError("--from: files are read whole; leave it out, or leave the files out to read the topic")
