"""The same recorded ticks several times, as one longer recording."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from streams.errors import ConfigError
from streams.feeds.rfc3339 import event_time_ns
from streams.records import Tick

_MAX_SEQUENCE: Final = 2**63 - 1


class Repetitions:
    """Ticks `times` over, each repetition later by one period, so that event time goes on.

    The period is `period_s` seconds or, without it, the time from the first to the last tick and the mean step between
    two of them. Whole days (86400) keep the time of day, which sessions and lunch breaks need, and whole weeks
    (604800) the day of the week too.

    A `seq` that is a number goes on as well, so that no repetition looks like a duplicate of the one before or like a
    hole: per symbol, trades and quotes each for themselves, it is raised by the span of the first repetition (highest
    less lowest, and one). One that is a text gets the number of the repetition: `a-17`, `a-17.2`, `a-17.3`.
    """

    def __init__(self, read: Callable[[], Iterable[Tick]], times: int, *, period_s: float | None = None) -> None:
        """`read` starts a new pass over the same ticks.

        Raises:
            ConfigError: `times` or `period_s` is out of range.
        """
        if times < 1:
            raise ConfigError(f"times={times}: give 1 or more")
        if period_s is not None and not 0 < period_s < 1e9:
            raise ConfigError(f"period={period_s}: give a number of seconds above 0")
        self._read = read
        self._times = times
        self._period_ns = None if period_s is None else round(period_s * 1e9)

    def __iter__(self) -> Iterator[Tick]:
        if self._times == 1:
            yield from self._read()
            return
        first_ns = last_ns = count = 0
        spans: dict[tuple[str, bool], tuple[int, int]] = {}
        for tick in self._read():
            ts_ns = event_time_ns(tick)
            first_ns = min(first_ns, ts_ns) if count else ts_ns
            last_ns = max(last_ns, ts_ns)
            count += 1
            number = _number(tick.seq)
            if number is not None:
                kind = _kind(tick)
                low, high = spans.get(kind, (number, number))
                spans[kind] = min(low, number), max(high, number)
            yield tick
        if not count:
            return
        period_ns = self._period(last_ns - first_ns, count)
        steps = {kind: high - low + 1 for kind, (low, high) in spans.items()}
        for again in range(1, self._times):
            for tick in self._read():
                yield msgspec.structs.replace(
                    tick, ts_ns=event_time_ns(tick) + again * period_ns, ts=None, seq=_later(tick, again, steps)
                )

    def _period(self, span_ns: int, count: int) -> int:
        if self._period_ns is None:
            return span_ns + max(span_ns // max(count - 1, 1), 1)
        if self._period_ns <= span_ns:
            raise ConfigError(
                f"period={self._period_ns / 1e9:g}: the ticks span {span_ns / 1e9:g} s, and event time would go back; "
                "give more than that"
            )
        return self._period_ns


def _number(seq: int | str | None) -> int | None:
    if isinstance(seq, str):
        return int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 19 else None
    return seq


def _kind(tick: Tick) -> tuple[str, bool]:
    return tick.symbol, tick.price is not None


def _later(tick: Tick, again: int, steps: dict[tuple[str, bool], int]) -> int | str | None:
    number = _number(tick.seq)
    if number is None:
        return None if tick.seq is None else f"{tick.seq}.{again + 1}"
    raised = number + again * steps.get(_kind(tick), 1)
    if raised > _MAX_SEQUENCE:
        raise ConfigError(f"seq={tick.seq!r} of {tick.symbol} cannot be raised {again} times: repeat it less often")
    return str(raised) if isinstance(tick.seq, str) else raised
