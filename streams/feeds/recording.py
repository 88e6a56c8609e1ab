"""Tick files as one recording: merged by event time, and as many times over as one likes."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.files import TickFile
from streams.feeds.repetitions import Repetitions
from streams.feeds.rfc3339 import event_time_ns
from streams.records import Tick


class Recording:
    """The ticks of several sources in the order of their event times, each source being in order itself.

    A source is a file or anything that yields ticks; with `times` above 1 it is iterated so often (Repetitions).
    `symbol`, `mapping` and `skip_bad` are described at TickFile. To be iterated once.
    """

    def __init__(
        self,
        sources: Sequence[Path | str | Iterable[Tick]],
        *,
        symbol: str | None = None,
        mapping: ColumnMapping | None = None,
        skip_bad: bool = False,
        times: int = 1,
        period_s: float | None = None,
    ) -> None:
        """Name the sources; nothing is opened before the first tick is asked for.

        Raises:
            ConfigError: there is none, or one of the options cannot be.
        """
        if not sources:
            raise ConfigError("nothing to replay: name a tick file")
        self._sources: list[Iterable[Tick]] = [
            TickFile(source, symbol=symbol, mapping=mapping, skip_bad=skip_bad)
            if isinstance(source, Path | str)
            else source
            for source in sources
        ]
        self._ticks = Repetitions(self._read, times, period_s=period_s)
        self._skipped_before = 0

    @property
    def skipped(self) -> int:
        """Bad lines left out so far, in all repetitions."""
        return self._skipped_before + self._skipped_now()

    def __iter__(self) -> Iterator[Tick]:
        return iter(self._ticks)

    def _read(self) -> Iterator[Tick]:
        self._skipped_before += self._skipped_now()  # a file that is read again counts afresh
        if len(self._sources) == 1:
            return iter(self._sources[0])
        return heapq.merge(*self._sources, key=event_time_ns)

    def _skipped_now(self) -> int:
        return sum(source.skipped for source in self._sources if isinstance(source, TickFile))
