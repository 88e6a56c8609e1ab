"""Days of last prices from Tokyo, as recorded: `Time,Price` in JST, date and symbol in the file's name.

Every line becomes a tick or a named bad line, and the ticks are those of an independent parse.
"""

import csv
import gzip
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.event_times import TimeFormat
from streams.feeds.files import TickFile
from streams.feeds.recording import Recording
from streams.feeds.run import replay
from streams.feeds.sink import MemorySink
from streams.records import Tick
from tests.market_data import folder
from tests.streams.feeds.fake_clock import FakeClock

S = 1_000_000_000
JST = timezone(timedelta(hours=9))
MAPPING = ColumnMapping(
    columns={"ts": "Time", "price": "Price"},
    time=TimeFormat(zone="Asia/Tokyo"),
    constants={"venue": "tse", "clock": "tse"},
    file_name=r"^(?P<date>\d{8})_(?P<symbol>\d+)",
)


@pytest.fixture(scope="module")
def days() -> list[Path]:
    return sorted(folder("jp_tse_seconds").glob("*.csv.gz"))


def parsed(path: Path) -> list[tuple[str, int, float]]:
    """The lines of a file by other means."""
    day, symbol = path.name.split(".")[0].split("_")[:2]
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            (
                symbol,
                int(datetime.strptime(f"{day} {row['Time']}", "%Y%m%d %H:%M:%S").replace(tzinfo=JST).timestamp()) * S,
                float(row["Price"]),
            )
            for row in csv.DictReader(file)
        ]


def read(ticks: list[Tick]) -> list[tuple[str, int | None, float | None]]:
    return [(tick.symbol, tick.ts_ns, tick.price) for tick in ticks]


def test_every_line_is_a_tick(days: list[Path]) -> None:
    assert len(days) > 100
    lines = ticks = 0
    for path in days:
        file = TickFile(path, mapping=MAPPING, skip_bad=True)
        found = list(file)
        expected = parsed(path)
        assert read(found) == expected, path.name
        assert (file.skipped, file.first_bad) == (0, None)
        lines += len(expected)
        ticks += len(found)
    assert lines == ticks > 1_000_000


async def test_lunch_and_nights_are_cut_short_by_the_pace(days: list[Path]) -> None:
    """Two days of two symbols at 60 times the recorded pace: waits are the sessions' seconds, and five per break."""
    files = [path for path in days if path.name[:8] in ("20250317", "20250318")]
    assert len(files) == 4
    clock = FakeClock()
    sink = MemorySink(1)
    report = await replay(files, sink, mapping=MAPPING, speed=60.0, clock=clock)
    times = [tick.ts_ns or 0 for tick in sink.partitions[0]]
    assert times == sorted(times)
    assert report.acknowledged == sum(len(parsed(path)) for path in files)
    waits = [min((after - before) / 60, 5 * S) for before, after in pairwise(times)]
    assert clock.elapsed_ns == pytest.approx(sum(waits), rel=1e-6)
    assert sum(wait == 5 * S for wait in waits) == 3 + sum(
        5 * 60 * S <= after - before < 3_000 * S for before, after in pairwise(times)
    ), "two lunch breaks and a night, and halts"


def test_a_day_again_on_the_next_day_keeps_its_sessions(days: list[Path]) -> None:
    path = days[0]
    once = read(list(TickFile(path, mapping=MAPPING)))
    twice = read(list(Recording([path], mapping=MAPPING, times=2, period_s=86_400)))
    assert twice[: len(once)] == once
    assert twice[len(once) :] == [(symbol, (ts or 0) + 86_400 * S, price) for symbol, ts, price in once]


def test_a_line_that_is_none_is_named(days: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "20250317_7203.csv"
    lines = gzip.decompress(days[0].read_bytes()).decode().splitlines()
    lines[100] = "09:xx:00,2750"
    lines[200] = "09:10:00,-"
    path.write_text("\n".join(lines))
    file = TickFile(path, mapping=MAPPING, skip_bad=True)
    assert len(list(file)) == len(lines) - 3
    assert file.skipped == 2
    assert file.first_bad == (
        f"{path}, line 101, column Time: '09:xx:00' neither a time of day, with or without a date, nor RFC 3339"
    )
