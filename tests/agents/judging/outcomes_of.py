"""Outcomes for the judge's tests: a calibrated market, or one that is not."""

import numpy as np
from numpy.typing import NDArray

from agents.decision.outcomes import Outcomes
from streams.columns import F64

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def outcomes(
    up: F64,
    label: NDArray[np.int8],
    *,
    ts_ns: NDArray[np.int64] | None = None,
    symbols: list[str] | None = None,
    classes: F64 | None = None,
    high: NDArray[np.bool_] | None = None,
    model: str = "tiny@000000000000",
) -> Outcomes:
    """n of them, of one symbol a second apart if nothing else is said."""
    n = len(up)
    return Outcomes(
        model=model,
        symbols=["SIM000"] * n if symbols is None else symbols,
        ts_ns=START + np.arange(n, dtype=np.int64) * SECOND if ts_ns is None else ts_ns,
        probability_up=up,
        classes=np.full((n, 3), np.nan) if classes is None else classes,
        members=np.full((n, 1, 3), np.nan),
        high=np.zeros(n, np.bool_) if high is None else high,
        return_bps=label.astype(np.float64),
        label=label,
    )


def market(
    rng: np.random.Generator, windows: int, each: int, *, sharpness: float = 1.0, horizon_s: int = 10
) -> Outcomes:
    """`each` outcomes in every window of a horizon, whose symbols all move together: one draw decides the window.

    What is said is right in the mean where `sharpness` is 1; above, it is too sure of itself.
    """
    said = rng.uniform(0.2, 0.8, windows)
    rose = rng.uniform(size=windows) < said
    shown = 1.0 / (1.0 + ((1.0 - said) / said) ** sharpness)
    ts = START + np.repeat(np.arange(windows), each) * horizon_s * SECOND + np.tile(np.arange(each), windows)
    label = np.where(np.repeat(rose, each), 1, -1).astype(np.int8)
    return outcomes(np.repeat(shown, each), label, ts_ns=ts, symbols=[f"S{i}" for i in range(each)] * windows)
