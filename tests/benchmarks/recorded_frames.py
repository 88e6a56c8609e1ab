"""Turns recorded frames of Binance spot into a tick file that `train` and `replay` read.

    python -m tests.benchmarks.recorded_frames BTC/USDT btc.jsonl.gz CAPTURE.gz... [--behind-ms 1277]

A line of a capture is `<nanoseconds of the receipt> <frame>`; the captures are of one connection, in order. The frames
go through the adapter of the live feed. `--behind-ms`: how far the recorder's clock was behind the venue's; quotes,
which Binance gives no time, are set right by it.
"""

import argparse
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from streams.feeds.venues.binance import Binance
from streams.records import Tick


def ticks(symbol: str, captures: Iterable[Path], behind_ns: int = 0) -> Iterator[Tick]:
    """The ticks of one symbol in the order in which their frames came."""
    venue = Binance([symbol], credentials=None)
    venue.open()
    for capture in captures:
        with gzip.open(capture, "rt", encoding="utf-8") as lines:
            for line in lines:
                received, _, frame = line.partition(" ")
                events = venue.receive(frame, int(received) + behind_ns)
                yield from (event for event in events if isinstance(event, Tick))


def main() -> None:
    """Write the file and say how many ticks it has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbol")
    parser.add_argument("out", type=Path)
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--behind-ms", type=int, default=0)
    given = parser.parse_args()
    count = 0
    with gzip.open(given.out, "wb") as file:
        for tick in ticks(given.symbol, given.captures, given.behind_ms * 1_000_000):
            file.write(msgspec.json.encode(tick) + b"\n")
            count += 1
    print(f"{count:,} ticks of {given.symbol} in {given.out}")


if __name__ == "__main__":
    main()
