import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.venue import NonTick, Refused, Unreadable
from streams.feeds.venues import NATIVE
from streams.feeds.venues.adapter import epoch_ns, shortened
from tests.streams.feeds.venues.adapters import KEY, SECRET, adapter, one, received


@given(st.integers(100_000_000_000_000_000, 2**63 - 1))
def test_a_time_tells_its_unit(ns: int) -> None:
    """From 1973 to 2262, in three units."""
    assert epoch_ns(ns) == ns
    assert epoch_ns(ns // 1_000) == ns // 1_000 * 1_000
    assert epoch_ns(ns // 1_000_000) == ns // 1_000_000 * 1_000_000


@pytest.mark.parametrize("value", [-1, 0, 1_723_161_255])
def test_seconds_are_no_time_of_a_venue(value: int) -> None:
    with pytest.raises(ValueError, match="no time since 1973"):
        epoch_ns(value)


def test_conditions_fit_a_tick() -> None:
    assert shortened(None) == ()
    assert shortened(["@", "", "I", 12, "x" * 17]) == ("@", "I", "12", "x" * 16)
    assert shortened(map(str, range(20))) == tuple(map(str, range(16)))


@pytest.mark.parametrize(
    ("field", "value"), [("p", "0"), ("p", "-1"), ("p", "nan"), ("p", "inf"), ("q", "-1"), ("q", "inf"), ("q", "nan")]
)
def test_a_trade_out_of_range_is_no_tick(field: str, value: str) -> None:
    message = {"e": "trade", "s": "BTCUSDT", "t": 1, "p": "2", "q": "3", "T": 1723161255342, "m": True, field: value}
    event = one(adapter("binance"), message)
    assert isinstance(event, Unreadable)
    assert event.reason in ("bad-value", "invalid")
    assert "BTC" in event.detail


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [("b", "0", True), ("a", "0.000", True), ("b", "-1", False), ("a", "inf", False), ("B", "-0.1", False)],
)
def test_a_quote_with_an_empty_side_is_known_and_one_out_of_range_is_not(field: str, value: str, known: bool) -> None:
    message = {"u": 1, "s": "BTCUSDT", "b": "2", "B": "1", "a": "3", "A": "1", field: value}
    event = one(adapter("binance"), message)
    if known:
        assert event == NonTick("one-sided-quote")
    else:
        assert isinstance(event, Unreadable)
        assert event.reason in ("bad-value", "invalid")


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_details_are_short(name: str) -> None:
    event = one(adapter(name), '{"a":' + "9" * 100_000)
    assert isinstance(event, Unreadable)
    assert len(event.detail) < 600


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_a_secret_that_comes_back_is_blanked_out(name: str) -> None:
    venue = adapter(name)
    said = f"key {KEY} with {SECRET} is wrong"
    for message in (
        said,
        said.replace("/", "\\/"),
        [{"T": "error", "code": 402, "msg": said}],
        [{"ev": "status", "status": "auth_failed", "message": said}],
        {"type": "error", "message": said, "reason": SECRET},
        {"error": {"code": 2, "msg": said}},
        {"method": "subscribe", "success": False, "error": said},
        {"event": "error", "errorMessage": said},
        {"Symbol": 7, "Message": said},
    ):
        for event in received(venue, message):
            assert KEY not in repr(event)
            assert SECRET not in repr(event).replace("\\", "")
    assert KEY not in repr(venue)
    assert SECRET not in repr(vars(venue))
    assert KEY not in venue.url()


def test_the_secret_check_can_fail() -> None:
    """The words of a refusal do reach the event, without the secret."""
    event = one(adapter("alpaca"), [{"T": "error", "code": 402, "msg": f"bad {SECRET}"}])
    assert event == Refused("alpaca: bad *** (code 402)", fatal=True)


@pytest.mark.parametrize("frame", ["\ud800", '{"a":"\ud800"}', b"\xff", '{"x":' * 100_000, "1e999"])
def test_what_is_no_json_at_all_is_told_apart_from_what_is_no_message(frame: str | bytes) -> None:
    event = one(adapter("binance"), frame)
    assert isinstance(event, Unreadable)
    assert event.reason == ("invalid" if frame == "1e999" else "bad-json")


def test_a_frame_without_messages_is_counted_too() -> None:
    assert one(adapter("alpaca"), "[]") == NonTick("empty")
    assert one(adapter("kraken"), {"channel": "trade", "type": "update", "data": []}) == NonTick("empty")
