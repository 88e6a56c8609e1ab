"""When a connection counts as stale: only time in which somebody listens does."""

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.watchdog import Watchdog


def test_silence_and_unanswered_pings() -> None:
    dog = Watchdog(10.0, 5.0)
    assert dog.stale(1e9) is None, "nobody listens yet"
    dog.listens(0.0)
    assert dog.stale(9.9) is None
    assert dog.stale(10.0) == "nothing received for 10 s"
    dog.heard()
    assert dog.stale(1e9) is None, "the frame is being worked on"
    dog.listens(20.0)
    dog.pinged(21.0)
    dog.pinged(24.0)
    assert dog.stale(25.9) is None
    assert dog.stale(26.0) == "no answer to a ping for 5 s"
    dog.ponged()
    assert dog.stale(26.0) is None


def test_a_ping_sent_while_nobody_read_counts_from_when_somebody_does() -> None:
    dog = Watchdog(1e6, 5.0)
    dog.pinged(0.0)
    assert dog.stale(100.0) is None
    dog.listens(100.0)
    assert dog.stale(104.0) is None
    assert dog.stale(105.0) is not None


@given(st.lists(st.tuples(st.sampled_from(["listens", "heard"]), st.floats(0, 30)), max_size=40))
def test_stale_means_that_long_without_a_frame(script: list[tuple[str, float]]) -> None:
    dog = Watchdog(10.0)
    now, since = 0.0, None
    for step, passed in script:
        now += passed
        if step == "listens":
            dog.listens(now)
            since = now
        else:
            dog.heard()
            since = None
        assert dog.stale(now + 9.9) is None
        assert (dog.stale(now + 10.1) is None) is (since is None)
