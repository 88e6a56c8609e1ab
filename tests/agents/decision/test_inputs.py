"""Inputs of models against the formulas of the manifest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.inputs import FORMS, InputMatrix, default_inputs
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from tables.models.manifest import Form, Input

ANY = st.floats(allow_nan=True, allow_infinity=True)
OUTPUTS = ("a", "b")


def plain(form: Form, value: float, price: float) -> float:
    """The form, as the manifest's docstring says it."""
    if form in {"relative", "scaled"}:
        if not price > 0:
            return math.nan
        value = value / price * 10_000 if form == "scaled" else (value / price - 1) * 10_000
    elif form == "log":
        value = math.copysign(math.log1p(abs(value)), value)
    with np.errstate(over="ignore"):
        single = float(np.float32(value))
    return single if math.isfinite(single) else math.nan


@given(form=st.sampled_from(FORMS), values=st.lists(st.tuples(ANY, ANY), min_size=1, max_size=9), at=st.integers(0, 1))
def test_each_form_is_its_formula(form: Form, values: list[tuple[float, float]], at: int) -> None:
    columns = np.array([[v, v] for v, _ in values])
    columns[:, 1 - at] = 0.5
    price = np.array([p for _, p in values])
    (found,) = InputMatrix(OUTPUTS, [Input(OUTPUTS[at], form)])(columns, price).T
    np.testing.assert_array_equal(found, np.array([plain(form, v, p) for v, p in values], np.float32))


def test_a_row_has_the_same_bits_in_every_layout() -> None:
    matrix = InputMatrix(OUTPUTS, [Input("b", "relative"), Input("a", "log")])
    values = np.random.default_rng(1).standard_normal((50, 2)) * 1e3
    price = np.linspace(1.0, 2.0, 50)
    whole = matrix(values, price)
    assert whole.dtype == np.float32
    assert matrix(np.asfortranarray(values), price).tobytes() == whole.tobytes()
    values.flags.writeable = False
    assert b"".join(matrix(values[i : i + 1], price[i : i + 1]).tobytes() for i in range(50)) == whole.tobytes()


def test_default_inputs_take_what_is_comparable_between_instruments() -> None:
    feature_set = FeatureSet.of("x", "sma_5", "macd", "rsi_14", "obv", "dollar_volume_50", "kyle_500", "trade_age")
    assert default_inputs(feature_set) == (
        Input("sma_5", "relative"),
        Input("macd", "scaled"),
        Input("macd_signal", "scaled"),
        Input("macd_hist", "scaled"),
        Input("rsi_14", "raw"),
        Input("dollar_volume_50", "log"),
        Input("trade_age", "log"),
    )


def test_no_default_input_depends_on_the_level_of_the_price() -> None:
    """Every form of the default set, at a price a thousand times as high."""
    found = default_inputs(FeatureSet.load("default"))
    assert len(found) > 50
    levels = [one for one in found if one.form in {"relative", "scaled"}]
    outputs = [one.output for one in levels]
    values = np.random.default_rng(0).uniform(0.5, 2.0, (20, len(levels)))
    price = np.full(20, 1.25)
    matrix = InputMatrix(outputs, levels)
    np.testing.assert_allclose(matrix(values * 1e3, price * 1e3), matrix(values, price), rtol=1e-5)


def test_refuses_what_it_cannot_bind() -> None:
    with pytest.raises(ConfigError, match="'c' is no output"):
        InputMatrix(OUTPUTS, [Input("c", "raw")])
    with pytest.raises(ConfigError, match="at least one input"):
        InputMatrix(OUTPUTS, [])
    with pytest.raises(ValueError, match=r"give \[n, 2\]"):
        InputMatrix(OUTPUTS, [Input("a", "raw")])(np.ones((3, 1)), np.ones(3))
