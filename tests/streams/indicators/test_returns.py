"""Logarithmic returns and the rounding of prices."""

from decimal import Decimal
from math import isnan, nan

from hypothesis import example, given
from hypothesis import strategies as st

from streams.indicators.returns import log_return
from streams.indicators.rounding import differ
from tests.streams.indicators.definitions.exact import sixty_digits

PRICE = st.floats(1e-9, 1e9)


@sixty_digits
def exact(before: float, now: float) -> float:
    return float((Decimal(now) / Decimal(before)).ln())


@given(before=PRICE, now=PRICE)
@example(before=1e5, now=1e5 + 1e-6)
@example(before=1e5, now=100_000.00000000001)
@example(before=3.0, now=1.5)
@example(before=1.5, now=3.0)
@example(before=1.0, now=1.9999999999999998)
@example(before=1.0, now=0.5000000000000001)
def test_as_exact_as_the_prices(before: float, now: float) -> None:
    expected = exact(before, now)
    assert abs(log_return(before, now) - expected) <= 4 * 2.0**-53 * abs(expected)


@given(before=PRICE, step=st.floats(-1e-9, 1e-9))
def test_as_exact_for_the_least_moves(before: float, step: float) -> None:
    now = before * (1.0 + step)
    expected = exact(before, now)
    assert abs(log_return(before, now) - expected) <= 4 * 2.0**-53 * abs(expected)


def test_no_price_no_return() -> None:
    assert isnan(log_return(nan, 1.0))
    assert isnan(log_return(1.0, nan))


@given(PRICE)
def test_prices_that_differ_by_rounding_do_not_differ(price: float) -> None:
    assert not differ(price, price)
    assert not differ(price, price * (1.0 + 1e-14))
    assert differ(price, price * (1.0 + 3e-14))
    assert differ(price, price * (1.0 - 3e-14))
    assert not differ(0.0, 0.0)
    assert differ(0.0, price)
