"""Dirty cases as venues and recorders really give them, each with its verdicts; and the same in captures, where there
are some beside the checkout (tests/streams/quality/test_captures.py)."""

from dataclasses import dataclass, field
from datetime import datetime
from math import nan
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.quality.file import filters_of
from tests.streams.markets import columns_of
from tests.streams.quality.test_judge import block_of, said
from tests.streams.reference_state import Event, S

MS: Final = 1_000_000
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
SET: Final = FeatureSet.of("cases", "sma_3")
OK: Final = ""


def at(text: str, zone: ZoneInfo = TOKYO) -> int:
    """Nanoseconds of a local time such as `2025-04-07 09:27:17.5`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1_000) * MS


@dataclass(frozen=True)
class Case:
    """Ticks of one symbol, each with what is said of it."""

    rules: dict[str, Any]
    ticks: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    def events(self) -> list[Event]:
        return [
            Event("A", i, body.pop("ts_ns", i * S + S), **body) for i, (body, _) in enumerate(map(_copied, self.ticks))
        ]


def _copied(tick: tuple[dict[str, Any], str]) -> tuple[dict[str, Any], str]:
    return dict(tick[0]), tick[1]


def trade(price: float, said_of_it: str = OK, **body: Any) -> tuple[dict[str, Any], str]:
    return {"price": price, **body}, said_of_it


def quote(bid: float, ask: float, said_of_it: str = OK, **body: Any) -> tuple[dict[str, Any], str]:
    return {"bid": bid, "ask": ask, **body}, said_of_it


JUMP: Final = {"trade_jump_max_bps": 500, "quote_jump_max_bps": 500}
HOURS: Final = {"hours_calendar": "XTKS"}
NUMBERED: Final = {"reject_duplicates": True}

CASES: Final = {
    "8306 opens 21% down on 2025-04-07: the fifth print that agrees is the new level": Case(
        JUMP,
        [
            trade(1671.5, ts_ns=at("2025-04-04 15:24:59")),
            trade(1668.5, ts_ns=at("2025-04-04 15:30:00")),
            *(
                trade(price, said_of_it, ts_ns=at(f"2025-04-07 09:27:{second}"))
                for second, price, said_of_it in (
                    ("17", 1316.0, "jump"),
                    ("19", 1314.0, "jump"),
                    ("21", 1318.0, "jump"),
                    ("23", 1328.5, "jump"),
                    ("25", 1332.5, OK),
                    ("27", 1336.0, OK),
                )
            ),
        ],
    ),
    "a fat finger among right prints, twice": Case(
        JUMP, [trade(100.0), trade(10.0, "jump"), trade(100.1), trade(10.0, "jump"), trade(10.0, "jump"), trade(100.2)]
    ),
    "a level that no two prints agree on is believed after jump_rearm_s": Case(
        JUMP | {"jump_rearm_s": 60},
        [
            trade(100.0, ts_ns=S),
            trade(50.0, "jump", ts_ns=2 * S),
            trade(60.0, "jump", ts_ns=3 * S),
            trade(72.0, "jump", ts_ns=62 * S),
            trade(86.0, ts_ns=63 * S),
        ],
    ),
    "stub quotes, while trades go on": Case(
        JUMP,
        [quote(99.9, 100.1), trade(100.0), quote(0.01, 199_999.99, "jump"), trade(100.1), quote(100.0, 100.2)],
    ),
    "the recorder's clock runs 1.27 s behind the exchange": Case(
        {"future_max_ms": 1_000},
        [
            trade(61837.63, "future", ts_ns=1723161255342 * MS, arrival_ns=1723161254087 * MS),
            trade(61837.63, ts_ns=1723161255342 * MS, arrival_ns=1723161254342 * MS),
            trade(61837.63, ts_ns=1723161255342 * MS),
        ],
    ),
    "and is allowed for": Case(
        {"future_max_ms": 2_000}, [trade(61837.63, ts_ns=1723161255342 * MS, arrival_ns=1723161254087 * MS)]
    ),
    "a time in the wrong unit does not make everything after it late": Case(
        {"future_max_ms": 60_000},
        [
            trade(1.0, ts_ns=at("2025-04-07 10:00"), arrival_ns=at("2025-04-07 10:00:01")),
            trade(1.0, "future", ts_ns=at("2055-04-07 10:00"), arrival_ns=at("2025-04-07 10:00:02")),
            trade(1.0, ts_ns=at("2025-04-07 10:00:03"), arrival_ns=at("2025-04-07 10:00:03")),
        ],
    ),
    "Tokyo's day: before the open, the last of the morning, lunch, the closing auction, the evening, Sunday": Case(
        HOURS,
        [
            trade(1.0, "closed", ts_ns=at("2025-04-04 08:59:59.999")),
            trade(1.0, ts_ns=at("2025-04-04 09:00:00")),
            trade(1.0, ts_ns=at("2025-04-04 11:29:59")),
            trade(1.0, ts_ns=at("2025-04-04 11:30:00.5")),
            trade(1.0, "closed", ts_ns=at("2025-04-04 12:00:00")),
            trade(1.0, ts_ns=at("2025-04-04 12:30:00")),
            trade(1.0, ts_ns=at("2025-04-04 15:30:00.4")),
            trade(1.0, "closed", ts_ns=at("2025-04-04 15:31:00")),
            trade(1.0, "closed", ts_ns=at("2025-04-06 10:00:00")),
        ],
    ),
    "late first prints after special quotes are prints": Case(
        HOURS | JUMP,
        [quote(2300.0, 2300.5, ts_ns=at("2025-04-03 09:00:00.1")), trade(2410.0, ts_ns=at("2025-04-03 09:09:12"))],
    ),
    "New York closes at one on the day after Thanksgiving": Case(
        {"hours_calendar": "XNYS"},
        [
            trade(1.0, ts_ns=at("2024-11-29 12:59:59", NEW_YORK)),
            trade(1.0, ts_ns=at("2024-11-29 13:00:59", NEW_YORK)),
            trade(1.0, "closed", ts_ns=at("2024-11-29 14:00:00", NEW_YORK)),
        ],
    ),
    "one day captured twice, without numbers: equal prices are no duplicates": Case(
        NUMBERED, [trade(2750.5, ts_ns=S), trade(2750.5, ts_ns=S), trade(2750.5, ts_ns=S, size=100.0)]
    ),
    "two lines of one feed: each number counts once, whichever line is ahead": Case(
        NUMBERED,
        [trade(1.0, seq=n, said_of_it=s) for n, s in ((1, OK), (2, OK), (1, "duplicate"), (3, OK), (2, "duplicate"))],
    ),
    "out of order, and never seen before": Case(
        NUMBERED, [trade(1.0, seq=n, said_of_it=s) for n, s in ((10, OK), (30, OK), (20, OK), (20, "duplicate"))]
    ),
    "numbers with holes, as Binance's update ids have them": Case(
        NUMBERED, [quote(1.0, 2.0, seq=n) for n in (50_093_239_189, 50_093_239_212, 50_093_239_300)]
    ),
    "trades and quotes count apart": Case(
        NUMBERED, [trade(1.0, seq=7), quote(1.0, 2.0, seq=7), trade(1.0, "duplicate", seq=7, bid=1.0, ask=2.0)]
    ),
    "a venue that counts anew in the morning": Case(
        NUMBERED,
        [
            trade(1.0, seq=9_000, ts_ns=at("2025-04-04 15:30")),
            trade(1.0, seq=1, ts_ns=at("2025-04-07 09:00")),
            trade(1.0, seq=2, ts_ns=at("2025-04-07 09:00")),
            trade(1.0, "duplicate", seq=1, ts_ns=at("2025-04-07 09:00")),
        ],
    ),
    "what a venue sends again after a reconnect has its old time": Case(
        NUMBERED | {"duplicate_restart_s": 10},
        [
            trade(1.0, seq=1, ts_ns=100 * S),
            trade(1.0, seq=2, ts_ns=101 * S),
            trade(1.0, seq=3, ts_ns=130 * S),
            trade(1.0, "duplicate", seq=2, ts_ns=101 * S),
            trade(1.0, "duplicate", seq=3, ts_ns=190 * S),
        ],
    ),
    "kabu STATION's bid and ask taken as they are called": Case(
        {"reject_crossed": True},
        [
            quote(2408.5, 2407.5, "crossed"),
            quote(2407.5, 2408.5),
            quote(2408.0, 2408.0),
            trade(2408.0, bid=2408.5, ask=2407.5),
        ],
    ),
    "locked": Case({"reject_locked": True}, [quote(2408.0, 2408.0, "locked"), quote(2408.5, 2407.5)]),
    "a side without orders": Case(
        {"reject_zero_sided": True},
        [
            quote(100.0, 101.0, "zero-sided", bid_size=0.0, ask_size=5.0),
            quote(100.0, 101.0, "zero-sided", bid_size=5.0, ask_size=nan),
            quote(100.0, 101.0, bid_size=5.0, ask_size=5.0),
            quote(100.0, 101.0),
            trade(100.0, bid=100.0, ask=nan),
        ],
    ),
    "out of range: a price in yen for one in dollars, an empty lot, a lot of everything": Case(
        {"price_min": 10, "price_max": 1_000, "size_min": 100, "size_max": 1e6},
        [
            trade(150.0, size=100.0),
            trade(22_500.0, "price-range", size=100.0),
            trade(9.99, "price-range"),
            quote(150.0, 22_500.0, "price-range"),
            trade(150.0, "size-range", size=1.0),
            trade(150.0, "size-range", size=1e9),
            trade(150.0),
        ],
    ),
    "a quote so wide that it is none": Case(
        {"spread_max_bps": 100},
        [quote(100.0, 100.9), quote(100.0, 110.0, "spread"), trade(105.0, bid=100.0, ask=110.0)],
    ),
    "an odd lot": Case({"conditions_deny": ["odd-lot"]}, [trade(1.0), trade(1.0, "condition", barred=1)]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def judged(folder: Path, rules: dict[str, Any], events: list[Event]) -> list[str]:
    """What is said of each event of A."""
    engine = RealTimeFeatureEngine(SET, filters=filters_of({"default": rules}), cache_dir=folder)
    return said(engine.fold(block_of(engine), *columns_of(events)))


@pytest.mark.parametrize("name", CASES)
def test_each_case_has_its_verdicts(folder: Path, name: str) -> None:
    case = CASES[name]
    assert judged(folder, case.rules, case.events()) == [said_of_it for _, said_of_it in case.ticks]


@pytest.mark.parametrize("name", CASES)
def test_without_filters_all_of_them_are_ticks(folder: Path, name: str) -> None:
    """But for those that are late, after one from the future."""
    assert set(judged(folder, {}, CASES[name].events())) <= {OK, "late"}
