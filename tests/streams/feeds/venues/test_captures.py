"""Real frames of Coinbase, Kraken and kabu STATION, where the development data lie: each is a tick or known, and the
ticks are those of a plain parse with json and float."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from streams.records import Tick
from tests.market_data import folder
from tests.streams.feeds.venues.adapters import adapter, one
from tests.streams.feeds.venues.captures import Frame, exchange_lines, play

COINBASE = (
    "SKL/USD",
    "SKL/BTC",
    "BAND/GBP",
    "NMR/EUR",
    "BAND/BTC",
    "YFI/BTC",
    "DASH/BTC",
    "NU/GBP",
    "CRV/EUR",
    "SKL/GBP",
)
KRAKEN = (
    "WAVES/EUR",
    "XMR/USD",
    "KSM/BTC",
    "GRT/ETH",
    "SC/EUR",
    "ETH/CHF",
    "OCEAN/BTC",
    "OMG/USD",
    "BTC/CHF",
    "ADA/BTC",
)


def nanoseconds(text: str) -> int:
    """Read an RFC 3339 time with at most six decimals."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000


def plain_coinbase(frames: Iterable[Frame]) -> tuple[list[Tick], int]:
    """Return the ticks of frames by another way, and the number of frames without one."""
    ticks, others = list[Tick](), 0
    for text, _ in frames:
        message = json.loads(text)
        if message["type"] not in ("match", "ticker"):
            others += 1
            continue
        base = {"symbol": message["product_id"].replace("-", "/"), "ts_ns": nanoseconds(message["time"])}
        if message["type"] == "match":
            values = {
                "price": float(message["price"]),
                "size": float(message["size"]),
                "side": {"buy": "sell", "sell": "buy"}[message["side"]],
                "seq": message["trade_id"],
            }
        else:
            values = {
                "bid": float(message["best_bid"]),
                "ask": float(message["best_ask"]),
                "seq": message["sequence"],
            }
        ticks.append(Tick(**base, **values, venue="coinbase", clock="coinbase"))
    return ticks, others


def test_coinbase() -> None:
    frames = list(exchange_lines(folder("exchange_ws") / "COINBASE.ws.28.0.gz"))
    outcome = play(adapter("coinbase", *COINBASE), frames)
    expected, others = plain_coinbase(frames)
    assert outcome.ticks == expected
    assert sum(tick.price is not None for tick in expected) == 97
    assert sum(tick.bid is not None for tick in expected) == 107
    assert outcome.unreadable == []
    assert set(outcome.non_ticks) == {"depth", "last-match", "Subscribed", "ack"}
    assert outcome.non_ticks.total() == others
    assert outcome.silent == 0


def test_the_sides_of_coinbase_fit_its_ticker() -> None:
    """The ticker's `side` is the taker's: an independent witness that the match's is the maker's."""
    frames = list(exchange_lines(folder("exchange_ws") / "COINBASE.ws.28.0.gz"))
    messages = [json.loads(text) for text, _ in frames]
    takers = {(m["product_id"].replace("-", "/"), m["trade_id"]): m["side"] for m in messages if m["type"] == "ticker"}
    trades = [tick for tick in play(adapter("coinbase", *COINBASE), frames).ticks if tick.price is not None]
    compared = [(tick.side, takers[tick.symbol, tick.seq]) for tick in trades if (tick.symbol, tick.seq) in takers]
    assert len(compared) > 50
    assert all(ours == theirs for ours, theirs in compared)


def plain_kraken(frames: Iterable[Frame]) -> tuple[list[Tick], int]:
    """Return the ticks of frames by another way, and the number of frames without one."""
    ticks, others = list[Tick](), 0
    for text, received_ns in frames:
        message = json.loads(text)
        if isinstance(message, dict) or message[-2] not in ("trade", "ticker"):
            others += 1
            continue
        symbol = message[-1].replace("XBT", "BTC")
        if message[-2] == "trade":
            for price, size, time, side, _, _ in message[1]:
                ticks.append(
                    Tick(
                        symbol=symbol,
                        ts_ns=int(Decimal(time) * 10**9),
                        price=float(price),
                        size=float(size),
                        side="buy" if side == "b" else "sell",
                        venue="kraken-v1",
                        clock="kraken-v1",
                    )
                )
        else:
            (ask, _, ask_size), (bid, _, bid_size) = message[1]["a"], message[1]["b"]
            ticks.append(
                Tick(
                    symbol=symbol,
                    ts_ns=received_ns,
                    bid=float(bid),
                    ask=float(ask),
                    bid_size=float(bid_size),
                    ask_size=float(ask_size),
                    venue="kraken-v1",
                    clock="kraken-v1",
                )
            )
    return ticks, others


def test_kraken_v1() -> None:
    data = folder("exchange_ws")
    frames = [frame for number in (48, 49, 50) for frame in exchange_lines(data / f"KRAKEN.ws.{number}.0.gz")]
    outcome = play(adapter("kraken-v1", *KRAKEN), frames)
    expected, others = plain_kraken(frames)
    assert outcome.ticks == expected
    assert len(expected) == 28
    assert outcome.unreadable == []
    assert set(outcome.non_ticks) == {"depth", "heartbeat", "status", "ack"}
    assert outcome.non_ticks.total() == others
    assert outcome.silent == 0


def test_kabu_station() -> None:
    """The documentation's own example: the first push of a symbol, so a quote."""
    text = (folder("kabu_station") / "board_example_5401.json").read_text(encoding="utf-8")
    board = json.loads(text)
    assert one(adapter("kabu", "5401"), text) == Tick(
        symbol="5401",
        ts_ns=nanoseconds(board["BidTime"]),
        bid=board["AskPrice"],
        ask=board["BidPrice"],
        bid_size=board["AskQty"],
        ask_size=board["BidQty"],
        venue="kabu",
        clock="kabu",
    )
    assert board["AskPrice"] < board["BidPrice"], "swapped there"
