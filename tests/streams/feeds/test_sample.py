import gzip
from itertools import pairwise

from streams.feeds import sample
from streams.feeds.files import TickFile
from streams.feeds.rfc3339 import parse_ns
from streams.records import Tick


def test_the_sample_is_what_its_readme_says() -> None:
    ticks = list(TickFile(sample.PATH))
    assert len(ticks) == sample.COUNT == 50_000
    assert ticks[0] == Tick("ES", parse_ns("2013-09-03T13:29:00.041Z"), price=1646.25, size=1.0)
    assert ticks[-1] == Tick("ES", parse_ns("2013-09-03T13:53:07.032Z"), price=1647.25, size=2.0)
    times = [tick.ts_ns or 0 for tick in ticks]
    assert all(a <= b for a, b in pairwise(times))
    assert max(b - a for a, b in pairwise(times)) == 5_096_000_000
    opening = parse_ns("2013-09-03T13:30:00Z")
    assert sum(opening <= at < opening + 1_000_000_000 for at in times) == 1582
    assert {tick.symbol for tick in ticks} == {sample.SYMBOL}
    prices = [tick.price or 0.0 for tick in ticks]
    assert (min(prices), max(prices)) == (1645.75, 1650.0)
    assert all(price % 0.25 == 0 for price in prices)
    assert all(tick.size >= 1 and tick.size == int(tick.size) for tick in ticks)


def test_the_sample_is_small_and_its_notice_lies_beside_it() -> None:
    assert sample.PATH.stat().st_size < 500_000
    assert gzip.decompress(sample.PATH.read_bytes()).startswith(b"symbol,ts,price,size\n")
    licence = sample.LICENSE.read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "Copyright (c) 2024, Robert Bach" in licence
    assert "shall be included in all" in licence
    readme = (sample.PATH.parent / "README.md").read_text(encoding="utf-8")
    assert all(name in readme for name in (sample.PATH.name, sample.LICENSE.name, "mlfinpy", "MIT", "CDT"))
