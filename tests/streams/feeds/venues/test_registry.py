import pytest

from streams.errors import ConfigError
from streams.feeds.venues import NATIVE, constructor
from tests.streams.feeds.venues.adapters import CREDENTIALS, SYMBOLS, adapter


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_every_venue_is_made_by_its_name(name: str) -> None:
    venue = adapter(name)
    assert venue.name == name
    assert venue.symbols() == tuple(symbol.partition("@")[0] for symbol in SYMBOLS[name])
    assert venue.url().startswith(("wss://", "ws://localhost"))
    assert venue.quiet_s > 0
    assert venue.heartbeat_s > 0
    assert dict(venue.headers()) == {}


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_another_address_takes_the_place_of_the_venues_own(name: str) -> None:
    assert adapter(name, url="ws://127.0.0.1:9/x").url().startswith("ws://127.0.0.1:9/x")


def test_an_unknown_venue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"feed 'mtgox': no such venue; known are alpaca, binance,"):
        constructor("mtgox")


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_what_cannot_be_subscribed_to_is_refused(name: str) -> None:
    make = constructor(name)
    with pytest.raises(ConfigError, match="no symbols"):
        make((), credentials=CREDENTIALS)
    with pytest.raises(ConfigError, match="neither quotes nor trades"):
        make(SYMBOLS[name], credentials=CREDENTIALS, quotes=False, trades=False)
    for bad in ("", "BTC USDT", "btc/usdt", "A" * 33, "*", "AAPL,MSFT", "币安/USDT"):
        with pytest.raises(ConfigError, match=rf"feed {name}: symbol={bad!r} is no".replace("*", r"\*")):
            make((bad,), credentials=CREDENTIALS)


@pytest.mark.parametrize("name", ["alpaca", "kabu", "polygon"])
def test_credentials_are_asked_for_by_the_names_of_their_variables(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"feed {name}: no credentials; set HAYATE_FEED_KEY"):
        constructor(name)(SYMBOLS[name], credentials=None)
