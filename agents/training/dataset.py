"""The training set: labelled rows of inputs in the order of time, and an account of what was left out and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.decision.inputs import InputMatrix, default_inputs
from agents.training.folding import Fold
from agents.training.folding import Path as Ticks
from streams.columns import F64, I8, I64
from streams.errors import ConfigError
from streams.export.labels import PATH_TYPE, LabelSpec, PricePath, label_rows, regimes
from streams.feature_set import FeatureSet
from streams.records import WARMING
from streams.sessions import Sessions
from tables.models.manifest import Input

SILENCE_NS: Final = 300 * 1_000_000_000
"""A label is not given where nothing came for so long behind its horizon: the market was closed, not quiet."""
MOST_MISSING: Final = 0.5
"""An input that is missing in more of the rows at the beginning is left out of the model."""
CHOICE_SHARE: Final = 0.6
"""Share of the rows, from the beginning, that inputs are chosen on: the part that members are trained on."""
DIRECTIONS: Final = ("down", "flat", "up")
REGIMES: Final = ("low", "middle", "high")


@dataclass(frozen=True)
class Dataset:
    """n rows in the order of time, of k inputs."""

    ts_ns: I64
    horizon_ns: int
    symbol: NDArray[np.str_]
    values: F64
    """[n, outputs of the feature set]; NaN where null."""
    price: F64
    matrix: NDArray[np.float32]
    """[n, k], what members see."""
    inputs: tuple[Input, ...]
    label: I8
    """[n]: -1, 0, 1 (down, flat, up; low, middle, high volatility)."""
    return_bps: F64
    """[n]; of a volatility regime the realised volatility."""
    last_direction: I8
    """[n], sign of the last move of the price up to each row, 0 before the first."""
    spread_bps: F64
    classes: tuple[str, ...] = DIRECTIONS
    left_out: dict[str, int] = field(default_factory=dict)
    """Why rows were left out -> how many."""
    unused: dict[str, str] = field(default_factory=dict)
    """Output of the feature set that is no input -> why."""
    ticks: int = 0
    rejected: int = 0

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def index(self) -> I64:
        """[n], place of the class of each row."""
        return self.label.astype(np.int64) + 1

    @property
    def end_ns(self) -> I64:
        """[n], up to when each label looks."""
        return self.ts_ns + self.horizon_ns

    def balance(self) -> dict[str, float]:
        """Class -> share of the rows."""
        counts = np.bincount(self.index, minlength=len(self.classes)) / max(len(self), 1)
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def bounded(self, bounds_bps: tuple[float, ...]) -> "Dataset":
        """The same rows with the regimes of volatility that these bounds make."""
        return replace(self, label=regimes(self.return_bps, bounds_bps))


def dataset_of(
    fold: Fold,
    feature_set: FeatureSet,
    spec: LabelSpec,
    *,
    start_ns: int,
    end_ns: int,
    sessions: Sessions | None = None,
) -> Dataset:
    """Label the rows of a fold, choose the inputs and leave out what cannot be learnt from.

    Rows have event times in [`start_ns`, `end_ns`); labels may look beyond. `sessions`: a label that reaches beyond
    the session of its row is left out.

    Raises:
        ConfigError: no row is left, or no input.
    """
    rows, path = fold.rows(), fold.path()
    n = len(rows.source)
    ts_ns, label = np.zeros(n, np.int64), np.zeros(n, np.int8)
    returns, last, why = np.full(n, np.nan), np.zeros(n, np.int8), np.zeros(n, np.int8)
    for place, symbol in enumerate(fold.symbols):
        own = np.flatnonzero(rows.symbol == place)
        if len(own):
            found = _labelled(spec, path, place, rows.source[own], sessions, symbol)
            ts_ns[own], label[own], returns[own], last[own], why[own] = found
    left_out = {reason: int((why == code).sum()) for code, reason in enumerate(_REASONS) if code}
    inside = (ts_ns >= start_ns) & (ts_ns < end_ns)
    left_out["outside of --from and --to"] = int((~inside & (why == 0)).sum())
    kept = np.flatnonzero(inside & (why == 0))
    kept = kept[np.argsort(ts_ns[kept], kind="stable")]
    if not len(kept):
        raise ConfigError(
            f"{fold.ticks:,} ticks gave {n:,} records, none of which has a label ({_told(left_out)}): give more "
            "ticks, or a shorter --horizon"
        )
    values, price, flags = rows.values[kept], rows.price[kept], rows.flags[kept]
    columns, unused = _inputs(feature_set, values, price)
    outputs = feature_set.outputs
    warming = (flags[:, [outputs.index(one.output) for one in columns]] == WARMING).any(axis=1)
    left_out["an input is warming up"] = int(warming.sum())
    ready = np.flatnonzero(~warming)
    if not len(ready):
        raise ConfigError(
            f"all of {len(kept):,} labelled records are warming up: give more ticks, or a feature set with shorter "
            "windows"
        )
    kept, values, price = kept[ready], values[ready], price[ready]
    matrix = InputMatrix(outputs, columns)(values, price)
    return Dataset(
        ts_ns=ts_ns[kept],
        horizon_ns=spec.horizon_ns,
        symbol=np.array(fold.symbols)[rows.symbol[kept]],
        values=values,
        price=price,
        matrix=matrix,
        inputs=_as_missing(columns, matrix),
        label=label[kept],
        return_bps=returns[kept],
        last_direction=last[kept],
        spread_bps=rows.spread_bps[kept],
        classes=REGIMES if spec.volatility else DIRECTIONS,
        left_out={reason: count for reason, count in left_out.items() if count},
        unused=unused,
        ticks=fold.ticks,
        rejected=fold.rejected,
    )


_REASONS: Final = (
    "",
    "no price yet, or the data end within the horizon",
    "the horizon reaches over a gap mark",
    "nothing came for 5 minutes behind the horizon",
    "the horizon reaches over the end of the session",
)


def _labelled(
    spec: LabelSpec, ticks: Ticks, place: int, source: I64, sessions: Sessions | None, symbol: str
) -> tuple[I64, I8, F64, I8, I8]:
    """Time, label, return, last direction and why there is no label (a place in `_REASONS`), of rows of one symbol."""
    own = ticks.symbol == place
    gaps = ticks.source[own & (ticks.gap == 1)]
    real = np.flatnonzero(own & (ticks.gap == 0))
    records = np.zeros(len(real), PATH_TYPE)
    records["source"], records["ts_ns"] = ticks.source[real], ticks.ts_ns[real]
    records["known_ns"] = records["ts_ns"]
    records["price"], records["mid"] = ticks.price[real], ticks.mid[real]
    path = PricePath.of(records)
    labels = label_rows(spec, path, source)
    at = np.searchsorted(path.source, source)
    time = path.time_ns[at]
    moment = time + spec.horizon_ns
    behind = np.minimum(np.searchsorted(path.time_ns, moment, side="right"), len(path.source) - 1)
    why = np.zeros(len(source), np.int8)
    if sessions is not None:
        why[_beyond(sessions, symbol, time, moment)] = 4
    why[path.time_ns[behind] - moment > SILENCE_NS] = 3
    why[np.searchsorted(gaps, path.source[behind]) > np.searchsorted(gaps, path.source[at])] = 2
    why[labels.null] = 1
    base = np.where(np.isfinite(path.mid), path.mid, path.price) if spec.price == "mid" else path.price
    return time, labels.label, labels.return_bps, _directions(base)[at], why


def _beyond(sessions: Sessions, symbol: str, time: I64, moment: I64) -> NDArray[np.bool_]:
    first, last = sessions.of(symbol)
    if first == last:
        return np.zeros(len(time), np.bool_)
    segments = sessions.segments[first:last]
    inside = np.searchsorted(segments[:, 0], time, side="right") - 1
    return np.asarray((inside >= 0) & (time < segments[inside, 1]) & (moment >= segments[inside, 1]), np.bool_)


def _directions(prices: F64) -> I8:
    """Sign of the last move up to each price."""
    moves = np.zeros(len(prices), np.int8)
    moves[1:] = np.sign(np.nan_to_num(np.diff(prices)))
    place = np.maximum.accumulate(np.where(moves != 0, np.arange(len(moves)), 0))
    return moves[place]


def _inputs(feature_set: FeatureSet, values: F64, price: F64) -> tuple[tuple[Input, ...], dict[str, str]]:
    """Inputs that say something at the beginning of the data, and why the other outputs are none."""
    every = default_inputs(feature_set)
    if not every:
        raise ConfigError(
            f"feature set {feature_set.name}: none of its outputs is fit to be an input of a model; see "
            "docs/training.md"
        )
    named = {one.output for one in every}
    unused = dict.fromkeys((output for output in feature_set.outputs if output not in named), "not comparable in time")
    first = max(1, int(CHOICE_SHARE * len(price)))
    matrix = InputMatrix(feature_set.outputs, every)(values[:first], price[:first])
    missing = np.isnan(matrix).mean(axis=0)
    kept = []
    for j, one in enumerate(every):
        column = matrix[:, j]
        if missing[j] > MOST_MISSING:
            unused[one.output] = "missing in most rows at the beginning"
        elif not (column[np.isfinite(column)] != column[np.isfinite(column)][0]).any():
            unused[one.output] = "never changes"
        else:
            kept.append(one)
    if not kept:
        raise ConfigError(f"no input is left: {_told(unused)}; give more ticks, or another feature set")
    return tuple(kept), unused


def _as_missing(inputs: tuple[Input, ...], matrix: NDArray[np.float32]) -> tuple[Input, ...]:
    """Each with whether it is missing in some row: where it never is, a record without it is like none of these."""
    missing = np.isnan(matrix)
    return tuple(msgspec.structs.replace(one, missing=bool(missing[:, j].any())) for j, one in enumerate(inputs))


def _told(counts: "dict[str, int] | dict[str, str]") -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in counts.items() if count) or "nothing was left out"


def rows_of(data: Dataset, rows: "I64 | NDArray[np.bool_] | Sequence[int]") -> Dataset:
    """Some rows of it, in their order."""
    return replace(
        data,
        **{
            name: getattr(data, name)[rows]
            for name in (
                "ts_ns", "symbol", "values", "price", "matrix", "label", "return_bps", "last_direction", "spread_bps"
            )
        },
    )  # fmt: skip
