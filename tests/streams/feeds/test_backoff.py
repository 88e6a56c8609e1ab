"""Pauses: doubled, capped, jittered, and not started anew by a connection that ends at once."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.backoff import Backoff


@given(st.integers(), st.floats(0.01, 5.0), st.floats(0.02, 100.0))
def test_they_double_up_to_the_longest(seed: int, first: float, longest: float) -> None:
    backoff = Backoff(Random(seed), first_s=first, longest_s=longest)
    bound = min(first, longest)
    for _ in range(40):
        assert bound / 2 <= backoff.next_s() <= bound
        bound = min(2 * bound, longest)


def test_two_feeds_do_not_come_back_together() -> None:
    assert Backoff(Random(1)).next_s() != Backoff(Random(2)).next_s()


def test_only_a_connection_that_held_starts_them_anew() -> None:
    backoff = Backoff(Random(1), first_s=1.0, longest_s=64.0, stable_s=10.0)
    for _ in range(5):
        backoff.next_s()
        backoff.lasted(9.9)
    assert backoff.next_s() >= 16.0
    backoff.lasted(10.0)
    assert backoff.next_s() <= 1.0
