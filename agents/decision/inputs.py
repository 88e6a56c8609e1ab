"""Features into the inputs of trained members. Training and serving call this very code, so there is no skew."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from streams.columns import F64, I64
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.feature_units import UNITS
from tables.models.manifest import Form, Input

F32 = NDArray[np.float32]

FORMS: Final[tuple[Form, ...]] = ("raw", "relative", "scaled", "log")
"""Names of the codes that the kernel knows, by code."""

_BY_UNIT: Final[dict[str, Form]] = {
    "1": "raw",
    "bps": "raw",
    "%": "raw",
    "price": "relative",
    "s": "log",
    "1/s": "log",
    "quantity": "log",
    "currency": "log",
}
"""Units that are not here (price per quantity and the like) differ between instruments by orders of magnitude."""
_DIFFERENCES: Final = frozenset(
    {"atr", "linreg_slope", "macd", "macd_signal", "macd_hist", "mom", "roll", "spread", "stddev"}
)
"""Outputs in units of the price that lie about zero, not about the price."""
_CUMULATIVE: Final = frozenset({"ad", "obv"})
"""Sums since the first trade: where they stand says when the data began."""


class InputMatrix:
    """Some outputs of a feature set, each in the form that frees it of the level of the price (`Form`).

    The mathematics is float64, row by row in compiled scalar code, with one cast to float32 at its end: ONNX models
    read float32. So a row has the same bits however a batch is cut. An input is NaN, that is missing, where its value
    is, where it needs a price and there is none above 0, and where it is not a finite float32.
    """

    def __init__(self, outputs: Sequence[str], inputs: Sequence[Input]) -> None:
        """Bind the inputs to the columns of `outputs`, the names of the features in their order.

        Raises:
            ConfigError: an input is made of an output that is not there, or there is no input.
        """
        if not inputs:
            raise ConfigError("inputs=(): a model needs at least one input; train it on a feature set that has some")
        places = {output: place for place, output in enumerate(outputs)}
        for one in inputs:
            if one.output not in places:
                raise ConfigError(
                    f"input {one.output!r} is no output of the feature set: use the model with the feature set that it "
                    "was trained on, or train it again"
                )
        self.names = tuple(one.output for one in inputs)
        self._width = len(outputs)
        self._columns = np.array([places[one.output] for one in inputs], np.int64)
        self._forms = np.array([FORMS.index(one.form) for one in inputs], np.int64)

    def __call__(self, values: F64, price: F64) -> F32:
        """[n, inputs] for n records: `values` [n, outputs], NaN where null; `price` [n], the last trade's.

        Raises:
            ValueError: the shapes do not fit the outputs or each other.
        """
        n = len(price)
        if price.shape != (n,) or values.shape != (n, self._width):
            raise ValueError(
                f"values {values.shape} and price {price.shape}: give [n, {self._width}], a column for each output of "
                "the feature set, and [n]"
            )
        out = np.empty((n, len(self._columns)), np.float32)
        # Copies, so that the kernel compiles for one signature: numba tells read-only and strided arrays apart.
        _fill(np.array(values, np.float64, order="C"), np.array(price, np.float64), self._columns, self._forms, out)
        return out


def able_members(matrix: F32, inputs: Sequence[Input], takes_nan: Sequence[bool]) -> NDArray[np.bool_]:
    """[n, m]: which members may answer which rows of `matrix` [n, inputs]; the rule of training and of serving.

    A row without a missing input is for every member. With some, it is for those that take NaN (`takes_nan` [m]), but
    not where all are missing, or one that never was in the training: they have not learnt what to make of that.
    """
    missing: NDArray[np.bool_] = np.isnan(matrix)
    never = np.array([not one.missing for one in inputs], np.bool_)
    complete = np.asarray(~missing.any(axis=1), np.bool_)
    known = np.asarray(~missing.all(axis=1) & ~(missing & never).any(axis=1), np.bool_)
    return complete[:, None] | (known[:, None] & np.array(takes_nan, np.bool_)[None, :])


def default_inputs(feature_set: FeatureSet) -> tuple[Input, ...]:
    """An input for every output whose unit says how to free it of the level of prices, in the order of the outputs.

    Left out are those without a unit, cumulative ones, and units that are not comparable between instruments.
    """
    found: list[Input] = []
    for indicator in feature_set.indicators:
        for output, plain in zip(indicator.outputs, indicator.family.outputs, strict=True):
            form = _BY_UNIT.get(UNITS.get(plain, ""))
            if form is not None and plain not in _CUMULATIVE:
                found.append(Input(output, "scaled" if plain in _DIFFERENCES else form))
    return (*found, *(Input(derived.name, "raw") for derived in feature_set.options.derived))


@compiled
def _fill(values: F64, price: F64, columns: I64, forms: I64, out: F32) -> None:
    """The forms of tables/models/manifest.py, by their codes in `FORMS`."""
    for i in range(len(price)):
        for j in range(len(columns)):
            value = values[i, columns[j]]
            form = forms[j]
            if form == 1 or form == 2:  # noqa: PLR1714 - numba compiles no set of constants here
                if not price[i] > 0.0:
                    value = math.nan
                elif form == 1:
                    value = (value / price[i] - 1.0) * 10_000.0
                else:
                    value = value / price[i] * 10_000.0
            elif form == 3:
                value = math.copysign(math.log1p(abs(value)), value)
            single = np.float32(value)
            out[i, j] = single if math.isfinite(single) else np.float32(math.nan)
