"""The oddities of real captures, where these lie beside the checkout."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.market_data import folder as data
from tests.streams.quality.test_cases import MS, TOKYO, judged
from tests.streams.reference_state import Event, S

REARM: Final = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def day(name: str, *, numbered: bool = False) -> list[Event]:
    """Prints of one capture, `20250407_8306`; numbered by their second."""
    midnight = datetime.strptime(name[:8], "%Y%m%d").replace(tzinfo=TOKYO).timestamp()
    events = []
    with gzip.open(data("jp_tse_seconds") / f"{name}.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            hours, minutes, seconds = map(int, row["Time"].split(":"))
            at = int(midnight) + hours * 3_600 + minutes * 60 + seconds
            events.append(Event("A", 0, at * S, price=float(row["Price"]), seq=at if numbered else -1))
    return events


def in_order(*parts: list[Event]) -> list[Event]:
    """By time, with offsets."""
    events = sorted((event for part in parts for event in part), key=lambda event: event.ts_ns)
    return [Event(**{**vars(event), "offset": i}) for i, event in enumerate(events)]


def test_the_repricing_of_8306_costs_four_prints_and_no_more(folder: Path) -> None:
    events = in_order(day("20250404_8306"), day("20250407_8306"))
    verdicts = judged(folder, {"trade_jump_max_bps": 500, "jump_rearm_ticks": REARM}, events)
    first = next(i for i, event in enumerate(events) if event.price == 1316.0)
    assert [i for i, verdict in enumerate(verdicts) if verdict] == list(range(first, first + REARM - 1))


@pytest.mark.parametrize("name", ["20250403_7203", "20250407_8306", "20250410_8306", "20250513_7203", "20250514_8306"])
def test_whole_days_are_within_trading_hours(folder: Path, name: str) -> None:
    """Late first prints, the last of the morning and the closing auction among them."""
    assert set(judged(folder, {"hours_calendar": "XTKS"}, in_order(day(name)))) == {""}


def test_without_grace_the_closing_auction_is_outside(folder: Path) -> None:
    events = in_order(day("20250407_8306"))
    verdicts = judged(folder, {"hours_calendar": "XTKS", "hours_late_s": 0}, events)
    assert verdicts[-1] == "closed"
    assert verdicts.count("closed") <= 5


def test_a_day_captured_twice(folder: Path) -> None:
    """Without numbers nothing is a duplicate; with the second as the number, each second that both have."""
    plain = in_order(day("20250513_7203"), day("20250513_7203_b"))
    assert set(judged(folder, {"reject_duplicates": True}, plain)) == {""}
    one, two = day("20250513_7203", numbered=True), day("20250513_7203_b", numbered=True)
    both = {event.seq for event in one} & {event.seq for event in two}
    assert both
    verdicts = judged(folder, {"reject_duplicates": True}, in_order(one, two))
    assert verdicts.count("duplicate") == len(both)


def frames(name: str, most: int) -> list[tuple[int, dict[str, Any]]]:
    """Receive time and content of the first lines of a Binance capture."""
    found = []
    with gzip.open(data("binance_spot_ws") / f"{name}.gz", "rt") as file:
        for line, _ in zip(file, range(most), strict=False):
            received, _, raw = line.partition(" ")
            found.append((int(received), json.loads(raw).get("data", {})))
    return found


def test_binance_trades_come_from_the_future_of_their_recorder(folder: Path) -> None:
    events = [
        Event("A", i, body["T"] * MS, price=float(body["p"]), size=float(body["q"]), seq=body["t"], arrival_ns=received)
        for i, (received, body) in enumerate(frames("btcusdt_20240808", 20_000))
        if body.get("e") == "trade"
    ]
    assert len(events) > 2_000
    assert set(judged(folder, {"future_max_ms": 1_000}, events)) == {"future"}
    rules = {"future_max_ms": 2_000, "reject_duplicates": True, "trade_jump_max_bps": 100}
    assert set(judged(folder, rules, events)) == {""}
    again = [Event(**{**vars(event), "offset": event.offset + 10**6}) for event in events]
    assert judged(folder, rules, events + again)[len(events) :] == ["duplicate"] * len(events)


def test_binance_quotes_are_clean(folder: Path) -> None:
    """They have no event time: the receive time stands for it."""
    events = [
        Event(
            "A", i, received, bid=float(body["b"]), ask=float(body["a"]),
            bid_size=float(body["B"]), ask_size=float(body["A"]), seq=body["u"],
        )
        for i, (received, body) in enumerate(frames("ethusdt_20240808", 20_000))
        if "u" in body and "B" in body
    ]  # fmt: skip
    assert len(events) > 2_000
    asked = ("reject_duplicates", "reject_crossed", "reject_locked", "reject_zero_sided")
    assert set(judged(folder, {**dict.fromkeys(asked, True), "quote_jump_max_bps": 100}, events)) == {""}


def test_kabu_station_calls_the_sides_the_other_way_round(folder: Path) -> None:
    board = json.loads((data("kabu_station") / "board_example_5401.json").read_text(encoding="utf-8"))
    sizes = {"bid_size": board["BidQty"], "ask_size": board["AskQty"]}
    as_called = Event("A", 0, S, bid=board["BidPrice"], ask=board["AskPrice"], **sizes)
    as_meant = Event("A", 1, S, bid=board["AskPrice"], ask=board["BidPrice"], **sizes)
    assert judged(folder, {"reject_crossed": True}, [as_called, as_meant]) == ["crossed", ""]
