"""The manifest of a version as far as it is known before anything is chosen: data, parts, label, members, weights."""

from typing import Final

import numpy as np

from agents.training.dataset import Dataset, rows_of
from agents.training.drafting import Files, data_hash, libraries
from agents.training.options import NS_PER_MS, Training
from agents.training.splits import MEMBERS, Splits
from agents.training.stacking import Fittings, learn_weights
from streams.columns import I64
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from tables.models.manifest import Calibration, FeatureSetUsed, Label, ModelManifest, Part, Tier

TERCILES: Final = (1 / 3, 2 / 3)


def terciles(data: Dataset, splits: Splits) -> tuple[float, ...]:
    """Bounds of the regimes of volatility: terciles of the members' part.

    Raises:
        ConfigError: two of them are equal.
    """
    found = np.unique(np.quantile(data.return_bps[splits.parts[MEMBERS]], TERCILES))
    if len(found) < len(TERCILES):
        raise ConfigError(
            f"the realised volatility of a third of the rows or more is {found[0]:g} bps: there are no terciles; give "
            "a longer --horizon"
        )
    return tuple(found.tolist())


def begun(
    data: Dataset, feature_set: FeatureSet, asked: Training, splits: Splits, fittings: Fittings, files: Files
) -> ModelManifest:
    """The manifest as far as it is known before anything is chosen."""
    spec = asked.label
    learnt = rows_of(data, splits.parts[MEMBERS])
    moved = learnt.return_bps[learnt.label != 0]
    label = Label(
        kind="volatility" if spec.volatility else "barrier" if spec.barriers else "direction",
        horizon_ms=spec.horizon_ns // NS_PER_MS,
        dead_band_bps=spec.dead_band_bps,
        price=spec.price,
        take_bps=spec.take_bps if spec.barriers else None,
        stop_bps=spec.stop_bps if spec.barriers else None,
        bounds_bps=terciles(data, splits) if spec.volatility else (),
    )
    return ModelManifest(
        name=asked.name,
        feature_set=FeatureSetUsed(feature_set.name, feature_set.version, feature_set.outputs),
        inputs=data.inputs,
        label=label,
        classes=data.classes,
        members=files.members,
        stacker=files.stacker,
        weights=learn_weights(data, fittings, asked.members),
        calibration=Calibration(),
        tier=Tier(asked.target_precision, None),
        act_above=0.0,
        move_bps=float(np.abs(moved).mean()) if len(moved) and not spec.volatility else 0.0,
        data={
            "hash": data_hash(data),
            "ticks": data.ticks,
            "rejected": data.rejected,
            "rows": len(data),
            "sampling": asked.sampling,
            "symbols": sorted(set(data.symbol.tolist())),
            "from_ns": int(data.ts_ns[0]),
            "to_ns": int(data.ts_ns[-1]),
            "purged": splits.purged,
            **{f"left out: {reason}": count for reason, count in data.left_out.items()},
            **{f"share of {name}": share for name, share in data.balance().items()},
        },
        splits=tuple(_part(name, data, rows) for name, rows in _all_parts(splits).items()),
        seed=asked.seed,
        libraries=libraries(),
    )


def _all_parts(splits: Splits) -> dict[str, I64]:
    found = {f"fold-{i}": fold.answer for i, fold in enumerate(splits.folds, 1)}
    out_of_sample = np.concatenate([fold.answer for fold in splits.folds])
    return {MEMBERS: splits.parts[MEMBERS], **found, "stacker": out_of_sample, **dict(list(splits.parts.items())[1:])}


def _part(purpose: str, data: Dataset, rows: I64) -> Part:
    return Part(purpose, int(data.ts_ns[rows[0]]), int(data.ts_ns[rows[-1]]), len(rows))
