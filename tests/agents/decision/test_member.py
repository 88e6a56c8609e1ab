"""The contract of `Member`, for every rule."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.ensemble import RULES
from agents.decision.member import Member
from tests.agents.decision import reference
from tests.agents.decision.reference import OUTPUTS, Row, columns_of, features, mirrored, rows, scaled

pytestmark = pytest.mark.parametrize("member", RULES, ids=lambda member: member.name)


def opinions(member: Member, *given_rows: Row) -> list[float]:
    """What the member says about the rows, in one batch."""
    return list(map(float, member.probability_up(*columns_of(given_rows))))


@given(batch=st.lists(rows(nulls=True), max_size=20))
def test_equals_its_plain_definition(member: Member, batch: list[Row]) -> None:
    for row, probability in zip(batch, opinions(member, *batch), strict=True):
        if all(math.isfinite(row[name]) for name in (*member.inputs, "price")):
            assert 0 < probability < 1
            assert probability == pytest.approx(reference.RULES[member.name](row), abs=1e-9)
        else:
            assert math.isnan(probability)


@given(row=rows())
def test_the_mirrored_market_gives_the_other_direction(member: Member, row: Row) -> None:
    there, back = opinions(member, row, mirrored(row))
    assert there + back == pytest.approx(1, abs=1e-6)


# Small moves, none of them zero: what log space and price differences disagree about is then far below a deviation.
@given(moves=st.lists(st.floats(2e-7, 1e-6) | st.floats(-1e-6, -2e-7), min_size=60, max_size=90))
def test_a_path_mirrored_in_log_space_gives_the_other_direction(member: Member, moves: list[float]) -> None:
    path = np.cumsum(moves)
    there = features((100 * np.exp(path)).tolist())
    back = features((100 * np.exp(-path)).tolist())
    assert sum(opinions(member, there, back)) == pytest.approx(1, abs=0.01)


@given(row=rows(), power=st.integers(-40, 40), factor=st.floats(1e-4, 1e4))
def test_the_unit_of_the_price_does_not_matter(member: Member, row: Row, power: int, factor: float) -> None:
    plain, doubled, other = opinions(member, row, scaled(row, 2.0**power), scaled(row, factor))
    assert doubled == plain
    assert other == pytest.approx(plain, abs=1e-6)


@given(price=st.floats(1e-3, 1e6), rsi=st.sampled_from([0.0, 50.0, 100.0]), slow=st.floats(0.5, 2))
def test_a_flat_market_says_nothing(member: Member, price: float, rsi: float, slow: float) -> None:
    row = dict.fromkeys([*OUTPUTS, "price"], price) | {"rsi_14": rsi, "bb_percent_b": math.nan}
    row |= {"macd_hist": 1e-3 * price, "sma_50": slow * price}  # what longer averages remember from before
    assert opinions(member, row) == [0.5]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@given(row=rows())
def test_each_input_that_is_not_a_number_makes_it_abstain(member: Member, wrong: float, row: Row) -> None:
    for name in (*member.inputs, "price"):
        assert math.isnan(opinions(member, row | {name: wrong})[0]), name
    for name in set(OUTPUTS) - set(member.inputs):
        assert opinions(member, row | {name: wrong}) == opinions(member, row), name


@pytest.mark.parametrize("price", [0.0, -1.0])
@given(row=rows())
def test_a_price_that_is_not_positive_makes_it_abstain(member: Member, price: float, row: Row) -> None:
    assert math.isnan(opinions(member, row | {"price": price})[0])


def test_says_nothing_about_no_records(member: Member) -> None:
    assert opinions(member) == []


@given(batch=st.lists(rows(nulls=True), min_size=1, max_size=8))
def test_leaves_its_inputs_alone(member: Member, batch: list[Row]) -> None:
    columns, price = columns_of(batch)
    before = {name: column.tobytes() for name, column in columns.items()} | {"price": price.tobytes()}
    member.probability_up(columns, price)
    assert before == {name: column.tobytes() for name, column in columns.items()} | {"price": price.tobytes()}
