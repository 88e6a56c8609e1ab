"""What a log of ticks and gap marks must look like: nothing lost but what was marked, and the other way round."""

from collections import defaultdict
from collections.abc import Iterable

from streams.marks import GapMark
from streams.records import Tick

START = "start"


def holes_are_marked(log: Iterable[object]) -> dict[str, tuple[int, int]]:
    """Check one partition, or several after one another: per symbol one `start`, and between two neighbouring ticks
    exactly one mark where numbers are missing between them, and none where they follow each other. Returns for each
    symbol how many ticks and how many holes there were."""
    ticks: dict[str, list[Tick]] = defaultdict(list)
    marks: dict[str, list[GapMark]] = defaultdict(list)
    holes: dict[str, int] = defaultdict(int)
    for item in log:
        if isinstance(item, GapMark):
            marks[item.symbol].append(item)
            continue
        if not isinstance(item, Tick):
            continue
        symbol, between = item.symbol, marks.pop(item.symbol, [])
        before = ticks[symbol][-1] if ticks[symbol] else None
        if before is None:
            assert [mark.reason for mark in between] == [START], (symbol, between)
        else:
            assert isinstance(before.seq, int)
            assert isinstance(item.seq, int)
            assert item.seq > before.seq, f"{symbol}: {item.seq} came behind {before.seq}"
            if item.seq > before.seq + 1:
                assert len(between) == 1, f"{symbol}: {before.seq} to {item.seq}: {between}"
                assert before.ts_ns is not None
                assert item.ts_ns is not None
                assert before.ts_ns < between[0].ts_ns <= item.ts_ns
                holes[symbol] += 1
            else:
                assert between == [], f"{symbol}: nothing is missing before {item.seq}, yet {between}"
        ticks[symbol].append(item)
    return {symbol: (len(found), holes[symbol]) for symbol, found in ticks.items()}


def numbers(log: Iterable[object]) -> set[tuple[str, int]]:
    """(symbol, seq) of every tick."""
    return {(item.symbol, item.seq) for item in log if isinstance(item, Tick) and isinstance(item.seq, int)}
