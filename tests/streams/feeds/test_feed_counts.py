"""The account of a live feed in one line."""

from streams.feeds.feed_counts import FeedCounts


def test_what_never_happened_is_left_out() -> None:
    counts = FeedCounts("v")
    assert counts.line(sent=0, acknowledged=0, queued=0, conflated=0) == (
        "v: 0 frames, 0 trades, 0 quotes, 0 sent, 0 acknowledged, 0 queued, not connected"
    )


def test_everything_that_did_is_there() -> None:
    counts = FeedCounts("v", frames=9, trades=4, quotes=3, connected=True)
    counts.filtered["symbol"] += 1
    counts.non_ticks.update({"b": 2, "a": 1})
    counts.unreadable["bad-json"] += 1
    counts.lost.update({"stale": 1, "closed": 2})
    counts.gaps["reconnect"] += 4
    counts.note_lags([0.001, 0.003])
    counts.note_lags([0.002])
    assert counts.ticks == 7
    assert counts.line(sent=7, acknowledged=6, queued=5, conflated=8) == (
        "v: 9 frames, 4 trades, 3 quotes, 1 filtered (symbol 1), 3 other messages (a 1, b 2), 1 unreadable "
        "(bad-json 1), 3 connections lost (closed 2, stale 1), 4 gap marks (reconnect 4), 8 quotes conflated, "
        "7 sent, 6 acknowledged, 5 queued, lag mean 2.0 ms, max 3.0 ms"
    )
