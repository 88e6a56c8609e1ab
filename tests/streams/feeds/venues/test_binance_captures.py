"""Real frames of Binance, where the development data lie: each is a tick or known, and the ticks are those of a plain
parse with json and float."""

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from streams.records import Tick
from tests.market_data import folder
from tests.streams.feeds.venues.adapters import adapter
from tests.streams.feeds.venues.captures import Frame, exchange_lines, play, timed_lines

MAX_AHEAD_NS = 10_000_000_000


def plain(venue: str, names: dict[str, str], frames: Iterable[Frame]) -> tuple[list[Tick], int]:
    """Return the ticks of frames by another way, and the number of frames without one."""
    ticks, others = list[Tick](), 0
    newest = Counter[str]()
    for text, received_ns in frames:
        message = json.loads(text)
        stream, data = message.get("stream", "@"), message.get("data", {})
        channel = stream.split("@")[1]
        if channel in ("trade", "aggTrade"):
            symbol = names[data["s"]]
            newest[symbol] = data["T"] * 1_000_000
            ticks.append(
                Tick(
                    symbol=symbol,
                    ts_ns=data["T"] * 1_000_000,
                    price=float(data["p"]),
                    size=float(data["q"]),
                    side="sell" if data["m"] else "buy",
                    seq=data["t" if channel == "trade" else "a"],
                    venue=venue,
                    clock=venue,
                )
            )
        elif channel == "bookTicker":
            symbol = names[data["s"]]
            ts_ns = received_ns
            if "T" in data:
                ts_ns = data["T"] * 1_000_000
            elif 0 < newest[symbol] - received_ns <= MAX_AHEAD_NS:
                ts_ns = newest[symbol]
            ticks.append(
                Tick(
                    symbol=symbol,
                    ts_ns=ts_ns,
                    bid=float(data["b"]),
                    ask=float(data["a"]),
                    bid_size=float(data["B"]),
                    ask_size=float(data["A"]),
                    seq=data["u"],
                    venue=venue,
                    clock=venue,
                )
            )
        else:
            others += 1
    return ticks, others


@pytest.mark.parametrize(
    ("files", "trades", "quotes"),
    [
        (("btcusdt_20240808", "btcusdt_20240809"), 9_757 + 10_147, 28_040 + 45_134),
        (("ethusdt_20240808", "ethusdt_20240809"), 6_106 + 8_409, 24_077 + 34_681),
    ],
)
def test_ten_minutes_of_spot(files: tuple[str, str], trades: int, quotes: int) -> None:
    """Nothing unknown, no hole, nothing resent, across the change of files at midnight."""
    data = folder("binance_spot_ws")
    frames = [frame for name in files for frame in timed_lines(data / f"{name}.gz")]
    theirs = files[0].partition("_")[0].upper()
    ours = f"{theirs.removesuffix('USDT')}/USDT"
    outcome = play(adapter("binance", ours), frames)
    expected, others = plain("binance", {theirs: ours}, frames)
    assert outcome.ticks == expected
    assert outcome.unreadable == []
    assert outcome.non_ticks == {"depth": others}
    assert outcome.silent == 0
    assert sum(tick.price is not None for tick in outcome.ticks) == trades
    assert sum(tick.bid is not None for tick in outcome.ticks) == quotes


@pytest.mark.parametrize(
    ("venue", "file", "symbols"),
    [
        ("binance", "BINANCE", ("NKN/USDT", "BLZ/ETH", "LRC/BTC", "RUNE/EUR")),
        (
            "binanceusdm",
            "BINANCE_FUTURES",
            ("SUSHI/USDT-USDT", "AKRO/USDT-USDT", "KEEP/USDT-USDT", "CTK/USDT-USDT"),
        ),
    ],
)
def test_half_a_minute_of_several_streams(venue: str, file: str, symbols: tuple[str, ...]) -> None:
    frames = list(exchange_lines(folder("exchange_ws") / f"{file}.ws.1.0.gz"))
    names = {symbol.partition("-")[0].replace("/", ""): symbol for symbol in symbols}
    outcome = play(adapter(venue, *symbols), frames)
    expected, others = plain(venue, names, frames)
    assert outcome.ticks == expected
    assert outcome.unreadable == []
    assert set(outcome.non_ticks) == {"depth", "kline"}
    assert outcome.non_ticks.total() == others
    assert outcome.frames == len(expected) + others > 200
    assert outcome.silent == 0
