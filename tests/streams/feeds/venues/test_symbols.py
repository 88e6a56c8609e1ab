import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.venues.symbols import pair, spot, table, ticker
from tests.streams.feeds.venues.adapters import adapter, tick

PARTS = st.from_regex(r"[A-Z0-9.]{1,7}", fullmatch=True)


@given(PARTS, PARTS, st.none() | PARTS, st.none() | st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_a_unified_symbol_and_its_parts(base: str, quote: str, settle: str | None, expiry: str | None) -> None:
    unified = f"{base}/{quote}"
    if settle is not None:
        unified += f":{settle}" + (f"-{expiry}" if expiry else "")
    parts = pair("x", unified)
    assert parts == (unified.replace(":", "-"), base, quote, settle, expiry if settle else None)
    assert pair("x", parts.symbol) == parts


@pytest.mark.parametrize(
    "symbol",
    ["", "BTC", "BTCUSDT", "/", "BTC/", "btc/usdt", "BTC/USDT/X", "BTC USDT", "BTC/USDT-", "A" * 20 + "/" + "B" * 12],
)
def test_what_is_no_unified_symbol_is_refused_by_name(symbol: str) -> None:
    with pytest.raises(ConfigError, match="feed x: symbol='"):
        pair("x", symbol)


def test_a_derivative_has_no_place_on_a_spot_market() -> None:
    assert spot("x", "BTC/USDT").base == "BTC"
    with pytest.raises(ConfigError, match="'BTC/USDT-USDT' is a derivative"):
        spot("x", "BTC/USDT-USDT")


def test_tickers() -> None:
    assert [ticker("x", symbol) for symbol in ("AAPL", "BRK.B", "BF-B")] == ["AAPL", "BRK.B", "BF-B"]


def test_two_symbols_that_are_one_to_the_venue_are_refused() -> None:
    assert table("x", ["A/B", "A/B"], lambda symbol: (symbol.replace("/", ""), symbol)) == {"AB": "A/B"}
    with pytest.raises(ConfigError, match="'AB/C' and 'A/BC' are both 'ABC' there"):
        table("x", ["AB/C", "A/BC"], lambda symbol: (symbol.replace("/", ""), symbol))


def trade(symbol: str) -> dict[str, object]:
    """A Binance trade of a symbol in the venue's spelling."""
    return {"e": "trade", "s": symbol, "t": 1, "p": "2", "q": "3", "T": 1723161255342, "m": False}


@pytest.mark.parametrize(
    ("venue", "ours", "theirs"),
    [
        ("binance", "BTC/USDT", "BTCUSDT"),
        ("binance", "1INCH/BTC", "1INCHBTC"),
        ("binanceusdm", "1000SHIB/USDT-USDT", "1000SHIBUSDT"),
        ("binanceusdm", "1000SHIB/USDT:USDT", "1000SHIBUSDT"),
        ("binanceusdm", "BTC/USDT-USDT-250328", "BTCUSDT_250328"),
        ("binancecoinm", "BTC/USD-BTC", "BTCUSD_PERP"),
        ("binancecoinm", "ETH/USD-ETH-250328", "ETHUSD_250328"),
    ],
)
def test_binance_there_and_back(venue: str, ours: str, theirs: str) -> None:
    assert tick(adapter(venue, ours), trade(theirs)).symbol == ours.replace(":", "-")
    assert f"{theirs.lower()}@trade" in adapter(venue, ours).url()


@pytest.mark.parametrize(
    ("venue", "symbol", "remedy"),
    [("binanceusdm", "BTC/USDT", "BTC/USDT-USDT"), ("binancecoinm", "BTC/USD-USD", "BTC/USD-BTC")],
)
def test_a_future_settled_elsewhere_is_refused_with_the_remedy(venue: str, symbol: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=f"give {remedy}$"):
        adapter(venue, symbol)


def test_kraken_v1_writes_bitcoin_and_dogecoin_its_own_way() -> None:
    venue = adapter("kraken-v1", "BTC/USD", "DOGE/BTC", "ADA/EUR")
    assert '"XBT/USD","XDG/XBT","ADA/EUR"' in str(venue.open()[0])
    got = tick(venue, [0, [["1", "2", "1534614057.321597", "s", "l", ""]], "trade", "XDG/XBT"])
    assert got.symbol == "DOGE/BTC"


def test_coinbase_writes_a_dash() -> None:
    venue = adapter("coinbase", "BTC/USD")
    assert '"product_ids":["BTC-USD"]' in str(venue.open()[0])
