"""What filters remember: sequence numbers in any order, and levels of prices, against their plain definitions."""

from math import inf
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.layout import FILTERED, JUMP, KEEPS
from streams.quality.limits import TRADE_JUMP_BPS
from streams.quality.memory import FURTHEST, came_before, jumps
from streams.quality.rules import QualityRules
from tests.streams.reference_filters import KEPT, Level, Numbers
from tests.streams.reference_state import S

AT: Final = 3
"""Where the slots begin: not at the beginning."""
NUMBERS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            [1, 1, 1, 1, 2, 5, 0, -1, -2, -3, -14, -15, -16, -17, -18, -30, 2**52, -(2**52), 2**54, -(2**54)]
        ),
        st.sampled_from([0, 0, 0, 1, S, 3 * S, 3 * S + 1, 4 * S, -S]),
    ),
    min_size=1,
    max_size=150,
)


def taken(numbers: list[tuple[int, int]], restart_ns: float = 3.0 * S) -> list[bool]:
    """What the kernel says of these numbers and times, one after the other."""
    row = np.zeros(AT + FILTERED + 1)
    said = [came_before(row, AT, number, ns, restart_ns) for number, ns in numbers]
    assert not row[:AT].any()
    assert row[-1] == 0.0, "nothing beyond its own slots"
    return said


@given(steps=NUMBERS, begin=st.sampled_from([0, 17, 1_000, 2**53, 2**61]), restart_s=st.sampled_from([0.0, 3.0, inf]))
def test_numbers_in_any_order(steps: list[tuple[int, int]], begin: int, restart_s: float) -> None:
    reference, now, seq, numbers = Numbers(), 5 * S, begin, []
    for step, later in steps:
        now, seq = now + later, min(max(seq + step, 0), 2**63 - 1)
        numbers.append((seq, now))
    expected = [reference.duplicate(number, ns, restart_s * S) for number, ns in numbers]
    assert taken(numbers, restart_s * S) == expected


@given(order=st.permutations(range(KEEPS)), again=st.integers(0, KEEPS - 1))
def test_as_many_as_are_kept_may_come_in_any_order(order: list[int], again: int) -> None:
    numbers = [(100 + 7 * place, S) for place in order]
    assert taken(numbers) == [False] * KEEPS
    assert taken([*numbers, numbers[again]])[-1]


@given(count=st.integers(1, 5 * KEEPS), back=st.integers(0, 2 * KEEPS))
def test_the_last_ones_are_known_wherever_in_the_ring_they_are(count: int, back: int) -> None:
    """And in a ring that is full, those before them are taken for known."""
    numbers = [(1_000 + 3 * i, S) for i in range(count)]
    again, between = numbers[-1][0] - 3 * back, numbers[-1][0] - 3 * back - 1
    assert taken([*numbers, (again, S)])[-1] == (back < count or count >= KEEPS)
    assert taken([*numbers, (between, S)])[-1] == (count >= KEEPS and back >= KEEPS - 1)


def test_a_number_below_all_that_are_kept_is_taken_for_one_that_came() -> None:
    assert KEEPS == KEPT
    numbers = [(100 + i, S) for i in range(KEEPS)]
    assert taken([*numbers[1:], numbers[0]]) == [False] * KEEPS, "there is still room"
    assert taken([*numbers, (99, S)])[-1]
    assert taken([*numbers, (200, S), (100, S)])[-1], "kept no more, and refused all the same"
    assert taken([*numbers, (200, S), (150, S), (150, S)])[-2:] == [False, True], "unseen, though out of order"


def test_a_venue_that_counts_anew_is_believed_once_its_time_has_moved_on() -> None:
    old = [(1_000 + i, i * S) for i in range(20)]
    begin = 19 * S + 3 * S
    assert taken([*old, (1, begin), (2, begin + 1), (3, begin + 1)])[20:] == [True, False, False]
    assert taken([*old, (1_019, begin + 60 * S)])[-1], "the newest again is the same record, however much later"


def test_what_has_no_number_is_no_duplicate() -> None:
    assert taken([(-1, S), (-1, S), (5, S), (-1, S)]) == [False] * 4


def test_numbers_too_far_apart_for_a_slot_begin_a_new_count() -> None:
    assert FURTHEST == 2**53
    assert taken([(0, S), (2**53, S), (2**53 + 1, S), (2**53, S)]) == [False, False, False, True]
    assert taken([(2**60, S), (5, S)]) == [False, True]


PRICES: Final = st.lists(
    st.tuples(
        st.sampled_from([100.0, 100.0, 100.2, 99.9, 101.0, 79.0, 79.1, 78.9, 60.0, 1e-9, 1e12])
        | st.floats(90.0, 110.0),
        st.sampled_from([0, 1, S, 2 * S, 5 * S, -S]),
    ),
    max_size=60,
)


@given(
    prices=PRICES,
    most_bps=st.sampled_from([10.0, 100.0, 1_000.0]),
    rearm=st.sampled_from([2, 3, 5]),
    rearm_s=st.sampled_from([None, 0.0, 4.0]),
    span=st.sampled_from([1.0, 3.0, 20.0]),
    agree_bps=st.sampled_from([0.0, 20.0, 200.0]),
)
def test_levels(
    prices: list[tuple[float, int]],
    most_bps: float,
    rearm: int,
    rearm_s: float | None,
    span: float,
    agree_bps: float,
) -> None:
    rules = QualityRules(
        trade_jump_max_bps=most_bps,
        jump_rearm_ticks=rearm,
        jump_rearm_s=rearm_s,
        jump_span_ticks=span,
        jump_agree_bps=agree_bps,
    )
    limits, row, reference, now = rules.limits((0, 0)), np.zeros(AT + JUMP + 1), Level(), 1_700_000_000 * S
    for price, later in prices:
        now += later
        expected = reference.jumps(now, price, most_bps, rules)
        assert jumps(row, AT, now, price, limits[TRADE_JUMP_BPS], limits) == expected
    assert row[-1] == 0.0
    assert not row[:AT].any()


@pytest.mark.parametrize("rearm", [2, 5])
def test_a_real_repricing_is_believed_with_the_tick_that_confirms_it(rearm: int) -> None:
    """8306 on 7 April 2025: 1,835 on Friday, 1,450 at the open, and on from there."""
    rules = QualityRules(trade_jump_max_bps=500.0, jump_rearm_ticks=rearm)
    limits, row = rules.limits((0, 0)), np.zeros(JUMP)
    prices = [1835.0, 1834.5, *[1450.0 + 0.5 * i for i in range(10)]]
    said = [jumps(row, 0, i * S, price, 500.0, limits) for i, price in enumerate(prices)]
    assert said == [False, False, *[True] * (rearm - 1), *[False] * (11 - rearm)]


def test_a_wrong_print_between_right_ones_moves_nothing() -> None:
    rules = QualityRules(trade_jump_max_bps=500.0, jump_rearm_ticks=2, jump_span_ticks=1.0)
    limits, row = rules.limits((0, 0)), np.zeros(JUMP)
    prices = [100.0, 1.0, 100.0, 1.0, 100.0, 1.0, 100.0]
    assert [jumps(row, 0, i * S, price, 500.0, limits) for i, price in enumerate(prices)] == [False, True] * 3 + [False]
