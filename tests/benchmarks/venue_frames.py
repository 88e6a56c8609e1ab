"""What a venue's frame costs from JSON to tick, per venue and kind, on one core.

    python -m tests.benchmarks.venue_frames [--frames 100000]

Frames are written by hand after the venues' documentation and handed to the adapters as text; ids count up, so every
frame is new. The smallest of five rounds is shown. Takes a few seconds.
"""

import argparse
import time
from collections.abc import Callable

from pydantic import SecretStr

from streams.feeds.credentials import Credentials
from streams.feeds.venues import constructor
from streams.records import Tick

ROUNDS = 5
CREDENTIALS = Credentials(SecretStr("key"), SecretStr("secret"))

FRAMES: dict[tuple[str, str], tuple[str, Callable[[int], str]]] = {
    ("binance", "trade"): (
        "BTC/USDT",
        lambda n: (
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1672515782140,"s":"BTCUSDT","t":{n},'
            '"p":"16800.50000000","q":"0.00100000","T":1672515782136,"m":true,"M":true}}'
        ),
    ),
    ("binance", "quote"): (
        "BTC/USDT",
        lambda n: (
            f'{{"stream":"btcusdt@bookTicker","data":{{"u":{n},"s":"BTCUSDT","b":"16800.50000000",'
            '"B":"3.78826000","a":"16800.60000000","A":"1.54698000"}}'
        ),
    ),
    ("coinbase", "trade"): (
        "BTC/USD",
        lambda n: (
            f'{{"type":"match","trade_id":{n},"sequence":50,"maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8",'
            '"taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1","time":"2014-11-07T22:19:28.123456Z",'
            '"product_id":"BTC-USD","size":"5.23512","price":"400.23","side":"sell"}'
        ),
    ),
    ("kraken", "trade"): (
        "BTC/USD",
        lambda n: (
            '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":26221.4,"qty":40.0,'
            f'"ord_type":"market","trade_id":{n},"timestamp":"2023-09-25T08:50:11.762248Z"}}]}}'
        ),
    ),
    ("alpaca", "trade"): (
        "AAPL",
        lambda n: (
            f'[{{"T":"t","i":{n},"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],'
            '"z":"C"}]'
        ),
    ),
    ("polygon", "quote"): (
        "MSFT",
        lambda n: (
            '[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],'
            f'"t":1536036818784,"q":{n},"z":3}}]'
        ),
    ),
    ("kabu", "quote"): (
        "7203",
        lambda n: (
            f'{{"Symbol":"7203","CurrentPrice":2500.0,"TradingVolume":1000.0,"BidQty":{n},"BidPrice":2500.5,'
            '"BidTime":"2025-04-03T10:00:00+09:00","BidSign":"0101","AskQty":700.0,"AskPrice":2499.5,'
            '"AskTime":"2025-04-03T09:59:58+09:00","AskSign":"0101"}'
        ),
    ),
}


def measure(name: str, symbol: str, frames: list[str]) -> float:
    """Return the microseconds per frame, the smallest of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        venue = constructor(name)([symbol], credentials=CREDENTIALS)
        receive = venue.receive
        started = time.perf_counter()
        for frame in frames:
            receive(frame, 1_723_161_300_000_000_000)
        best = min(best, time.perf_counter() - started)
    return best / len(frames) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000, help="per venue and kind (default 100000)")
    count = parser.parse_args().frames
    for (name, kind), (symbol, write) in FRAMES.items():
        frames = [write(number) for number in range(1, count + 1)]
        venue = constructor(name)([symbol], credentials=CREDENTIALS)
        assert all(isinstance(venue.receive(frame, 1)[-1], Tick) for frame in frames[:100])
        print(f"{name:10} {kind:6} {measure(name, symbol, frames):6.2f} us a frame")


if __name__ == "__main__":
    main()
