"""Reads the range of a training set from `features` (and the quotes for its labels from `ticks`), and writes its file.

Where reading begins: at the first record of each partition that Kafka stamped not more than an hour before --from. A
record is stamped after its event, so what is in the range stands behind that place; the hour is for events that a venue
dated ahead. Where it ends: at the end of the log as it was at the start, for a replay may write old events at any time;
with --as-known-at an hour behind that moment, for the clocks of two workers.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import ConfigError, RetryError, TopicError
from streams.export.labels import LabelSpec
from streams.export.records import place_of
from streams.export.selection import FIRST_NS, NS_PER_MS, Selection
from streams.export.training_file import training_file
from streams.export.training_set import SLACK_NS, Gatherer
from streams.feeds.partitions import partition_of
from streams.headers import header
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, TICKS
from streams.records import KIND
from streams.settings import Settings

AT_ONCE: Final = 2
"""Partitions that are read at once: one answer is on its way while another is decoded."""
FETCH_TIMEOUT_S: Final = 30.0

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What became of an export."""

    out: Path
    rows: int
    symbols: int
    copies: int
    schema: str
    read: int
    cut: int
    """Partitions whose log begins behind --from."""

    def __str__(self) -> str:
        told = f"{self.rows:,} rows of {self.symbols:,} symbols, feature set {self.schema}, written to {self.out}"
        if self.copies:
            told += f"; {self.copies:,} copies of records left out"
        if self.cut:
            told += f"; the log of {self.cut} partitions begins after --from: older records are gone"
        return told


class Exporter:
    """One export. `log` is connected; `on_read` and `on_written` are told how far it is."""

    def __init__(
        self,
        settings: Settings,
        log: LogReader,
        selection: Selection,
        labels: LabelSpec | None,
        *,
        stop: asyncio.Event,
        on_read: OnProgress = lambda _done, _total: None,
        on_written: OnProgress = lambda _done, _total: None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._selection = selection
        self._labels = labels
        self._stop = stop
        self._on_read, self._on_written = on_read, on_written
        self._features, self._ticks = settings.topic(FEATURES), settings.topic(TICKS)
        self._quotes = TickMids(log, self._ticks) if labels is not None and labels.price == "mid" else None
        self._read = self._cut = self._total = 0

    async def run(self, out: Path) -> ExportReport:
        """Read everything, then write `out`.

        Raises:
            ConfigError: nothing is in the range, or two feature sets are.
            RetryError: Kafka does not answer, or the command was asked to stop: no file was written.
            StateError: a record cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            gatherer = Gatherer(self._selection, Path(folder), self._ticks, self._labels)
            with closing(gatherer):
                try:
                    await self._gather(gatherer)
                except (KafkaError, TimeoutError) as error:
                    raise RetryError(
                        f"{self._features}: Kafka refuses or is away ({error!r}), or removed what was being read; "
                        f"{out} was not written: run this again"
                    ) from error
                return self._write(gatherer, out)

    async def _gather(self, gatherer: Gatherer) -> None:
        spans = await asyncio.gather(*(self._span(partition) for partition in self._partitions()))
        self._total = sum(end - start for _, start, end in spans)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(tp: TopicPartition, start: int, end: int) -> None:
            async with gate:
                await self._partition(gatherer, tp, start, end)

        try:
            async with asyncio.TaskGroup() as group:
                for span in spans:
                    group.create_task(one(*span))
        except BaseExceptionGroup as errors:
            # The first of them ended the others.
            raise errors.exceptions[0] from errors

    def _partitions(self) -> Sequence[int]:
        symbols, count = self._selection.symbols, self._settings.partitions
        if symbols is None or self._settings.any_partition:
            return range(count)
        return sorted({partition_of(symbol.encode(), count) for symbol in symbols})

    async def _span(self, partition: int) -> tuple[TopicPartition, int, int]:
        """Offsets to read, [start, end)."""
        tp, chosen = TopicPartition(self._features, partition), self._selection
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            begin, end = await self._log.bounds(tp)
            start = begin
            if chosen.start_ns > FIRST_NS:
                first = await self._log.offset_at(tp, (chosen.start_ns - SLACK_NS) // NS_PER_MS)
                start = end if first is None else max(first, begin)
                self._cut += begin > 0 and start == begin
            if chosen.known_at_ns is not None:
                behind = await self._log.offset_at(tp, (chosen.known_at_ns + SLACK_NS) // NS_PER_MS + 1)
                end = end if behind is None else min(behind, end)
        return tp, start, max(start, end)

    async def _partition(self, gatherer: Gatherer, tp: TopicPartition, start: int, end: int) -> None:
        offset = start
        while offset < end:
            self._check_stop()
            before = offset
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                records, offset = await self._log.fetch(tp, offset)
            found = [(r, head) for r in records if r.offset < end and (head := gatherer.wanted(r)) is not None]
            mids = {}
            if self._quotes is not None and found:
                mids = await self._quotes.read(tp.partition, [place_of(head.id).offset for _, head in found])
            gatherer.take(found, mids)
            self._read += min(offset, end) - before
            self._on_read(self._read, self._total)

    def _write(self, gatherer: Gatherer, out: Path) -> ExportReport:
        if gatherer.decoder is None:
            raise ConfigError(
                f"{self._features}: none of the {self._read:,} records that were read is in the range; see --from, "
                "--to, --symbols, --schema and --as-known-at"
            )
        written = 0
        symbols = set()
        with training_file(out, gatherer.columns(), self._about(gatherer.decoder.schema)) as file:
            for columns in gatherer.rows(self._on_written):
                self._check_stop()
                file.write(columns)
                written += len(columns["id"])
                symbols.add(columns["symbol"][0])
        return ExportReport(out, written, len(symbols), gatherer.copies, gatherer.decoder.schema, self._read, self._cut)

    def _about(self, schema: str) -> dict[str, str]:
        chosen = self._selection
        asked: dict[str, object] = {
            "schema": schema,
            "topic": self._features,
            "from_ns": chosen.start_ns,
            "to_ns": chosen.end_ns,
            "known_at_ns": chosen.known_at_ns,
            "labels": self._labels,
        }
        return {key: str(value) for key, value in asked.items() if value is not None}

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise RetryError("the export was stopped and has written nothing: run it again")


class TickMids:
    """Middles of the quotes of `ticks`, read forwards beside the features that were made of them."""

    def __init__(self, log: LogReader, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._next: dict[int, int] = {}
        self._ahead: dict[int, dict[int, float]] = {}
        self._decode = msgspec.json.Decoder(_Quote).decode

    async def read(self, partition: int, sources: Sequence[int]) -> dict[int, float]:
        """Offset -> mid, of those of the ticks at `sources` that have a quote. Ticks before those of an earlier call
        are not read again.

        Raises:
            ConfigError: ticks that are needed are gone from the topic.
        """
        tp = TopicPartition(self._topic, partition)
        if partition not in self._next:
            await self._begin(tp, min(sources))
        mids, last = self._ahead.pop(partition, {}), max(sources)
        while self._next[partition] <= last:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                records, following = await self._log.fetch(tp, self._next[partition])
            mids |= {record.offset: mid for record in records if (mid := self._mid(record)) is not None}
            if following == self._next[partition]:
                raise TopicError(
                    f"{self._topic}[{partition}] ends at {following}, before the tick of feature record {last}: the "
                    "topic was made anew; add price=last to --labels"
                )
            self._next[partition] = following
        self._ahead[partition] = {offset: mid for offset, mid in mids.items() if offset > last}
        return mids

    async def _begin(self, tp: TopicPartition, first: int) -> None:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            begin, _ = await self._log.bounds(tp)
        if begin > first:
            raise ConfigError(
                f"{self._topic}[{tp.partition}] begins at {begin}, labels of the mid need its ticks from {first} on: "
                "they are gone; take a later --from, or add price=last to --labels"
            )
        self._next[tp.partition] = first

    def _mid(self, record: Any) -> float | None:
        if record.value is None or header(record.headers, KIND) is not None:
            return None
        try:
            quote = self._decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # a rejected tick
        if quote.bid is None or quote.ask is None:
            return None
        return quote.bid + (quote.ask - quote.bid) / 2.0


class _Quote(msgspec.Struct, frozen=True, gc=False):
    bid: float | None = None
    ask: float | None = None
