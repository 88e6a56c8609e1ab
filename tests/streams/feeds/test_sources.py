"""Every kind of feed by its name."""

import re
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.feeds.connection import WebSocketSource
from streams.feeds.sources import PREFIXES, names, open_source
from streams.feeds.venues import NATIVE

MAPPING = 'name = "local"\nurl = "ws://127.0.0.1:1"\n[[message]]\nsymbol = "s"\nprice = "p"\n'


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "m.toml"
    path.write_text(MAPPING)
    return path


def test_every_name_is_listed() -> None:
    lines = names().splitlines()
    assert lines == [*sorted(NATIVE), *PREFIXES.values()]
    assert all(line.split(",")[0].partition(":")[0] in PREFIXES for line in lines[len(NATIVE) :])


def test_native_and_mapped(mapping: Path) -> None:
    native = open_source("binance", ["BTC/USDT"])
    assert isinstance(native, WebSocketSource)
    assert (native.name, native.symbols()) == ("binance", ("BTC/USDT",))
    mapped = open_source(f"json:{mapping}", ["A", "B"])
    assert isinstance(mapped, WebSocketSource)
    assert (mapped.name, mapped.symbols()) == ("local", ("A", "B"))


def test_ccxt() -> None:
    pytest.importorskip("ccxt")
    source = open_source("ccxt:kraken", ["BTC/USDT"])
    assert (source.name, source.symbols()) == ("kraken", ("BTC/USDT",))
    with pytest.raises(ConfigError, match=r"--url=ws://x: .*leave it out"):
        open_source("ccxt:kraken", ["BTC/USDT"], url="ws://x")


@pytest.mark.parametrize(
    ("name", "symbols", "options", "words"),
    [
        ("nowhere", ["A"], {}, "feed 'nowhere': no such venue"),
        ("binance", [], {}, "no symbol: name one or more"),
        ("binance", ["BTC/USDT"], {"quotes": False, "trades": False}, "leave nothing"),
        ("json:", ["A"], {}, "nothing after the colon; give json:FILE.toml"),
        ("other:x", ["A"], {}, "no such venue"),
        ("json:/none.toml", ["A"], {}, "/none.toml: No such file"),
    ],
)
def test_what_cannot_be_is_named(name: str, symbols: list[str], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        open_source(name, symbols, **options)
