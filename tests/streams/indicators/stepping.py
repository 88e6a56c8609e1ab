"""Steps of an indicator called one by one, without the kernel: histories of inputs in, outputs after each step."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streams.columns import F64
from streams.indicators.indicator import Indicator

Row = tuple[float, ...]
"""One value per output, NaN before the warm-up and where undefined."""

INTEGERS = frozenset({"count", "session", "phase", "sign", "rule", "is_trade", "is_quote"})


class Steps:
    """The inputs of n steps, one array per `Input`: given ones as they are, the others as plain trades have them.

    `Steps(close=prices)` are trades of quantity 1; give `high`, `low`, `open` for bars, `bid`, `ask` for quotes.
    """

    def __init__(self, **given: ArrayLike) -> None:
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
        n = len(next(iter(arrays.values())))
        self._n = n
        nan = np.full(n, np.nan)
        close = arrays.get("close", nan)
        volume = arrays.get("volume", np.ones(n))
        sign = arrays.get("sign", np.zeros(n))
        bid, ask = arrays.get("bid", nan), arrays.get("ask", nan)
        bid_size, ask_size = arrays.get("bid_size", nan), arrays.get("ask_size", nan)
        usual: dict[str, F64] = {
            "count": np.arange(1, n + 1, dtype=np.float64),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "previous": before(close),
            "volume": volume,
            "dollars": close * volume,
            "trades": np.ones(n),
            "signed": sign * volume,
            "sign": sign,
            "rule": (sign != 0).astype(np.float64),
            "mid": (bid + ask) / 2,
            "dt": np.concatenate(([np.nan], np.ones(max(n - 1, 0))))[:n],
            "bid": bid,
            "ask": ask,
            "bid_size": bid_size,
            "ask_size": ask_size,
            "previous_bid": before(bid),
            "previous_ask": before(ask),
            "previous_bid_size": before(bid_size),
            "previous_ask_size": before(ask_size),
            "is_trade": np.ones(n),
            "is_quote": np.zeros(n),
            "since_trade": np.zeros(n),
            "session": np.full(n, 86_400.0),
            "since_open": np.arange(n, dtype=np.float64),
            "phase": np.ones(n),
            "reference": nan,
        }
        self._arrays = usual | arrays

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, name: str) -> F64:
        return self._arrays[name]

    def __getattr__(self, name: str) -> F64:
        try:
            return self._arrays[name]
        except KeyError:
            raise AttributeError(name) from None

    def first(self, n: int) -> "Steps":
        """The same history cut after `n` steps."""
        return Steps(**{name: array[:n] for name, array in self._arrays.items()})


Definition = Callable[..., Sequence[Row]]
"""`definition(steps, *parameters)`: the outputs after every step, by the slow, obvious way."""


def before(values: F64) -> F64:
    """Each value's predecessor, NaN for the first."""
    return np.concatenate(([np.nan], values[:-1])) if len(values) else values


def drive(
    indicator: Indicator, steps: Steps, state: F64 | None = None, out: F64 | None = None, *, interpreted: bool = False
) -> F64:
    """Outputs after every step, [n, outputs]; not masked during the warm-up. `state` and `out` are gone on from."""
    state = np.zeros(indicator.state_size) if state is None else state
    out = np.zeros(len(indicator.outputs)) if out is None else out
    step: Any = inspect.unwrap(indicator.family.step) if interpreted else indicator.family.step
    step = getattr(step, "py_func", step) if interpreted else step
    columns = [
        [int(value) for value in steps[name]] if name in INTEGERS else steps[name].tolist()
        for name in indicator.family.inputs
    ]
    rows = np.zeros((len(steps), len(out)))
    with np.errstate(all="ignore"):
        for i, inputs in enumerate(zip(*columns, strict=True)):
            step(state, out, *inputs, *indicator.parameters)
            rows[i] = out
    return rows


def served(indicator: Indicator, rows: F64) -> F64:
    """As the kernel shows them: NaN until each output's warm-up is over."""
    rows = rows.copy()
    for j, steps in enumerate(indicator.warmup):
        rows[: steps - 1, j] = np.nan
    return rows
