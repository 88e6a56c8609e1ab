"""How much trouble is too much."""

from hypothesis import given
from hypothesis import strategies as st

from agents.decision.models import Trouble, TroubleKind
from agents.models.troubles import BATCHES, DEADLINE_S, SECONDS, Troubles


def trouble(kind: TroubleKind = "error", records: int = 10, of: int = 10) -> Trouble:
    """One batch."""
    return Trouble(kind, "it raised", records, of, 0)


def test_the_fifth_troubled_batch_is_too_many() -> None:
    troubles = Troubles(5)
    assert [troubles.too_many(trouble(), 0.0, batch) for batch in range(6)] == [False] * 4 + [True] * 2


def test_a_model_that_hangs_is_taken_back_and_one_moment_of_it_is_not() -> None:
    """Each batch reports it while the breaker is open."""
    moment = Troubles(5)
    assert not any(moment.too_many(trouble("deadline"), 10.0 + number / 100, number) for number in range(100))
    hanging = Troubles(5)
    enough = [n for n in range(2_000) if hanging.too_many(trouble("deadline"), 10.0 + n / 100, n)]
    assert enough[0] == 4 * DEADLINE_S * 100


def test_calibration_is_enough_once() -> None:
    assert Troubles(1_000).too_many(trouble("calibration"), 0.0, 0)


def test_zero_never_takes_anything_back() -> None:
    troubles = Troubles(0)
    assert not any(troubles.too_many(trouble("calibration"), 0.0, batch) for batch in range(100))


@given(st.integers(0, 9), st.integers(10, 20))
def test_what_touched_less_than_half_of_a_batch_does_not_count(records: int, of: int) -> None:
    counts = 2 * records >= of
    assert Troubles(1).too_many(trouble("member", records, of), 0.0, 0) is counts


def test_what_is_long_ago_by_time_and_by_batches_is_forgotten() -> None:
    seldom = Troubles(2)
    assert not any(seldom.too_many(trouble(), number * SECONDS * 1.1, number * BATCHES) for number in range(50))
    slow_market = Troubles(2)
    assert not slow_market.too_many(trouble(), 0.0, 0)
    assert slow_market.too_many(trouble(), 3_600.0, 1), "one batch an hour: both of the last two"
    fast_market = Troubles(2)
    assert not fast_market.too_many(trouble(), 0.0, 0)
    assert fast_market.too_many(trouble(), 1.0, 5_000), "both within a second"
