"""Quotes that filters leave out of their trades, judged as the kernel judges them."""

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audit.event import Event
from streams.audit.left_out import without_left_out
from streams.audit.quote_level import QuoteLevel
from streams.columns import APPLIED
from streams.quality.judge import quote_fault
from streams.quality.rules import QualityRules

RULES = QualityRules(
    price_min=5.0,
    price_max=200.0,
    reject_zero_sided=True,
    reject_crossed=True,
    reject_locked=True,
    spread_max_bps=300.0,
)
PRICES = st.sampled_from([nan, 1.0, 99.0, 100.0, 100.0, 101.0, 105.0, 500.0])
SIZES = st.sampled_from([nan, 0.0, 1.0])


@given(st.sampled_from([RULES, QualityRules(reject_crossed=True), QualityRules()]), PRICES, PRICES, SIZES, SIZES)
def test_it_leaves_out_what_the_kernel_does(
    rules: QualityRules, bid: float, ask: float, bid_size: float, ask_size: float
) -> None:
    event = Event(1, 2, price=100.0, size=1.0, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)
    folded = without_left_out(event, rules, QuoteLevel())
    if isnan(bid) and isnan(ask):
        assert folded is event
        return
    fault = quote_fault(rules.limits((0, 0)), bid, ask, bid_size, ask_size) != APPLIED
    assert (folded is not event) == fault
    assert folded.price == 100.0
    assert fault == (isnan(folded.bid) and isnan(folded.ask))


@pytest.mark.parametrize("bid", [100.0, nan])
def test_a_pure_quote_is_rejected_whole_or_not_at_all(bid: float) -> None:
    event = Event(1, 2, bid=bid, ask=99.0)
    assert without_left_out(event, RULES, QuoteLevel()) is event
