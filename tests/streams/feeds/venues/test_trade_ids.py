from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.venues.trade_ids import AGAIN, TradeIds


@given(st.lists(st.integers(1, 40), max_size=40))
def test_every_id_is_new_or_again_and_every_missing_one_is_counted(ids: list[int]) -> None:
    """Against a plain definition: an id is new if it is the highest so far; missing are those in between."""
    counted, seen = TradeIds(), list[int]()
    for trade_id in ids:
        highest = max(seen, default=trade_id - 1)
        expected = trade_id - highest - 1 if trade_id > highest else AGAIN
        assert counted.follow("A", trade_id, ts_ns=1) == expected
        seen.append(trade_id)
        assert counted.newest("A") == max(seen)


def test_symbols_do_not_share_their_count() -> None:
    ids = TradeIds()
    assert (ids.knows("A"), ids.newest("A")) == (False, 0)
    assert ids.follow("A", 7, 1) == 0
    assert ids.follow("B", 100, 1) == 0
    assert ids.follow("A", 8, 1) == 0
    assert (ids.knows("A"), ids.knows("C")) == (True, False)


def test_a_venue_that_counts_anew_is_believed_after_a_minute() -> None:
    ids = TradeIds()
    ids.follow("A", 1_000, ts_ns=0)
    assert ids.follow("A", 1, ts_ns=60_000_000_000) == AGAIN
    assert ids.follow("A", 1, ts_ns=60_000_000_001) == 1
    assert ids.follow("A", 2, ts_ns=60_000_000_001) == 0
