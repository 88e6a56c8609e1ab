"""Labels: what the price did after a row, by event time, strictly from the row's future.

The time of a row is that at which its features stood: the latest event time of its symbol up to it, which is its own
unless it came late. Its base price is the mid of the newest quote of its symbol up to it (the last price where no quote
has come, or with `price=last`), and its future price is the same kind of price as it stood at row time + horizon: that
of the last record whose time is not after that moment.

A label exists only where the horizon is *covered*: where a later record of the symbol, with a time after row time +
horizon, had been known. So a label that was once given never changes, and none rests on what came after it.

- direction: 1 if the return over the horizon is above `dead_band_bps`, -1 if it is below -`dead_band_bps`, else 0.
- triple barrier (`take_bps` and `stop_bps`): 1 or -1 by which of +take and -stop the price reached first within the
  horizon, 0 for neither. Null where the horizon is not covered, even if a barrier was reached: else the end of the data
  would hold fast moves only. (Lopez de Prado, Advances in Financial Machine Learning, chapter 3.)
- volatility regime: how many of `bounds_bps` the realised volatility within the horizon exceeds, less 1: -1 below the
  first, 1 above the second of two. Realised volatility is the root of the sum of squared returns from record to record,
  the first of them from the base price, in basis points.

Returns are in basis points of the base price: (future / base - 1) * 10,000; of the triple barrier that at the touch.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.columns import F64
from streams.errors import ConfigError

BPS: Final = 10_000.0
_UNITS_NS: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION: Final = re.compile(r"(\d+)(ns|us|ms|s|m|h)", re.ASCII)
PATH_TYPE: Final = np.dtype(
    [("source", "<i8"), ("ts_ns", "<i8"), ("known_ns", "<i8"), ("price", "<f8"), ("mid", "<f8")]
)
"""One record of a symbol on the path of its price: NaN where it had no price, or its tick no quote."""


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """What `--labels` asks for."""

    horizon_ns: int
    dead_band_bps: float = 0.0
    price: Literal["mid", "last"] = "mid"
    take_bps: float = math.nan
    stop_bps: float = math.nan
    volatility: bool = False
    bounds_bps: tuple[float, ...] = ()
    """Of the volatility's regimes, ascending."""

    @property
    def barriers(self) -> bool:
        """Whether the label is that of the triple barrier."""
        return not math.isnan(self.take_bps)


class PricePath(NamedTuple):
    """The records of one symbol by source offset, as columns of the same length."""

    source: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    """Latest event time up to each record."""
    known_ns: NDArray[np.int64]
    """When each and all before it were known."""
    price: F64
    mid: F64
    """Of the newest quote up to each record."""

    @classmethod
    def of(cls, rows: NDArray[Any]) -> "PricePath":
        """The path of `PATH_TYPE` rows in the order of their source offsets."""
        return cls(
            rows["source"],
            np.maximum.accumulate(rows["ts_ns"]) if len(rows) else rows["ts_ns"],
            np.maximum.accumulate(rows["known_ns"]) if len(rows) else rows["known_ns"],
            _filled(rows["price"]),
            _filled(rows["mid"]),
        )


class Labels(NamedTuple):
    """Labels of n rows."""

    label: NDArray[np.int8]
    """1, 0 or -1; nothing to go by where `null`."""
    return_bps: F64
    """NaN where `null`; of a volatility regime the realised volatility."""
    known_ns: NDArray[np.int64]
    """When the label could be known: Kafka timestamp of the record that covers the horizon."""
    null: NDArray[np.bool_]


def label_rows(spec: LabelSpec, path: PricePath, source: NDArray[np.int64]) -> Labels:
    """Labels of the rows with those source offsets, all of which are on the path."""
    at = np.searchsorted(path.source, source)
    moment = path.time_ns[at] + spec.horizon_ns
    behind = np.searchsorted(path.time_ns, moment, side="right")
    covered = behind < len(path.source)
    quoted = np.isfinite(path.mid[at]) & (spec.price == "mid")
    base = np.where(quoted, path.mid[at], path.price[at])
    there = behind - 1
    future = np.where(quoted, path.mid[there], path.price[there])
    null = ~covered | np.isnan(base)
    returns = np.where(null, np.nan, (future / base - 1.0) * BPS)
    if spec.barriers:
        label = _touches(spec, path, at, behind, base, quoted, null, returns)
    elif spec.volatility:
        mids, prices = _squares(path.mid), _squares(path.price)
        variance = np.where(quoted, mids[there] - mids[at], prices[there] - prices[at])
        # A difference of long sums can be a rounding error below 0.
        returns = np.where(null, np.nan, np.sqrt(np.maximum(variance, 0.0)))
        label = regimes(returns, spec.bounds_bps)
    else:
        label = (returns > spec.dead_band_bps).astype(np.int8) - (returns < -spec.dead_band_bps).astype(np.int8)
    known = path.known_ns[np.minimum(behind, len(path.source) - 1)]
    return Labels(label, returns, known, null)


def regimes(volatility: F64, bounds_bps: tuple[float, ...]) -> NDArray[np.int8]:
    """Label of each realised volatility; NaN counts as above all bounds."""
    return (np.searchsorted(np.array(bounds_bps), volatility, side="left") - 1).astype(np.int8)


def parse_labels(text: str) -> LabelSpec:
    """`horizon=10s,dead_band_bps=1` -> what to label.

    Keys: `horizon` (required; a whole number with ns, us, ms, s, m or h), `dead_band_bps` (>= 0), `price` (`mid`,
    `last`), `take_bps` and `stop_bps` (> 0, both or none: the triple barrier).

    Raises:
        ConfigError: naming what is wrong.
    """
    given = {}
    for part in text.split(","):
        key, _, value = part.strip().partition("=")
        if key in given or key not in ("horizon", "dead_band_bps", "price", "take_bps", "stop_bps"):
            raise ConfigError(
                f"--labels {key}: give each of horizon, dead_band_bps, price, take_bps and stop_bps at most once, as "
                "in horizon=10s,dead_band_bps=1"
            )
        given[key] = value
    duration = _DURATION.fullmatch(given.get("horizon", ""))
    if duration is None or int(duration[1]) == 0 or int(duration[1]) * _UNITS_NS[duration[2]] >= 2**61:
        raise ConfigError(f"--labels horizon={given.get('horizon', '')}: give a time above 0 such as 10s, 500ms or 5m")
    price = given.get("price", "mid")
    if price not in ("mid", "last"):
        raise ConfigError(f"--labels price={price}: give mid or last")
    if ("take_bps" in given) != ("stop_bps" in given):
        raise ConfigError("--labels: the triple barrier needs both take_bps and stop_bps")
    if "take_bps" in given and "dead_band_bps" in given:
        raise ConfigError("--labels: dead_band_bps belongs to the direction; leave it out with take_bps and stop_bps")
    return LabelSpec(
        int(duration[1]) * _UNITS_NS[duration[2]],
        _bps("dead_band_bps", given.get("dead_band_bps", "0"), least=0.0),
        "mid" if price == "mid" else "last",
        _bps("take_bps", given["take_bps"]) if "take_bps" in given else math.nan,
        _bps("stop_bps", given["stop_bps"]) if "stop_bps" in given else math.nan,
    )


def _bps(key: str, text: str, least: float = math.ulp(0.0)) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number < math.inf:
        raise ConfigError(f"--labels {key}={text}: give basis points, {'0 or more' if least == 0 else 'above 0'}")
    return number


def _touches(
    spec: LabelSpec,
    path: PricePath,
    at: NDArray[np.int64],
    behind: NDArray[np.int64],
    base: F64,
    quoted: NDArray[np.bool_],
    null: NDArray[np.bool_],
    returns: F64,
) -> NDArray[np.int8]:
    """Label of the triple barrier; puts the return at the touch into `returns`."""
    label = np.zeros(len(at), np.int8)
    for i in np.flatnonzero(~null).tolist():
        prices = (path.mid if quoted[i] else path.price)[at[i] + 1 : behind[i]]
        moves = (prices / base[i] - 1.0) * BPS
        touched = np.flatnonzero((moves >= spec.take_bps) | (moves <= -spec.stop_bps))
        if len(touched):
            returns[i] = moves[touched[0]]
            label[i] = 1 if returns[i] > 0 else -1
    return label


def _squares(prices: F64) -> F64:
    """Running sum of squared returns, bps^2; 0 before the first price."""
    moves = np.zeros(len(prices))
    moves[1:] = np.nan_to_num((prices[1:] / prices[:-1] - 1.0) * BPS)
    return np.cumsum(moves * moves)


def _filled(numbers: F64) -> F64:
    """Each NaN replaced by the last number before it."""
    if not len(numbers):
        return numbers
    place = np.where(np.isnan(numbers), 0, np.arange(len(numbers)))
    return np.asarray(numbers[np.maximum.accumulate(place)])
