"""Recorded frames become ticks with the times that they had."""

import gzip
import sys
from pathlib import Path

import pytest

from streams.feeds.files import TickFile
from tests.benchmarks.recorded_frames import main

FRAMES = """\
1723161254000000000 {"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"61.5","B":"3","a":"61.6","A":"1.5"}}
1723161254100000000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}
1723161254200000000 {"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":9,"p":"61.6","q":"0.5",\
"T":1723161255200000,"m":false}}
"""


def test_quotes_are_set_right_and_trades_keep_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, out = tmp_path / "capture.gz", tmp_path / "ticks.jsonl.gz"
    capture.write_bytes(gzip.compress(FRAMES.encode()))
    monkeypatch.setattr(sys, "argv", ["", "BTC/USDT", str(out), str(capture), "--behind-ms", "1000"])
    main()
    assert capsys.readouterr().out.startswith("2 ticks of BTC/USDT in ")
    quote, trade = TickFile(out)
    assert (quote.bid, quote.ask, quote.ts_ns) == (61.5, 61.6, 1_723_161_255_000_000_000)
    assert (trade.price, trade.side, trade.ts_ns) == (61.6, "buy", 1_723_161_255_200_000_000)
