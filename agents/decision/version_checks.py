"""What must hold before a version of an ensemble may decide about the records of a feature set."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from streams.errors import ConfigError
from tables.models.manifest import ModelManifest

DIRECTION: Final = ("down", "flat", "up")
"""The classes of a label that a signal can be made of."""


def check_feature_set(manifest: ModelManifest, outputs: Sequence[str], schema: str) -> None:
    """Refuse a version that was trained on another feature set.

    Args:
        manifest: of the version.
        outputs: names of the feature set's outputs, in their order.
        schema: its version.

    Raises:
        ConfigError: naming what differs.
    """
    used, model = manifest.feature_set, manifest.model
    remedy = "give the worker the feature set that the model was trained on, or train it again on this one"
    ours, theirs = [*outputs], [*used.outputs]
    for name in theirs:
        if name not in ours:
            raise ConfigError(f"model {model}: it needs the feature {name!r}, which this feature set lacks: {remedy}")
    for name in ours:
        if name not in theirs:
            raise ConfigError(f"model {model}: it does not know the feature {name!r} of this feature set: {remedy}")
    for place, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        if own != other:
            raise ConfigError(
                f"model {model}: feature {place} is {other!r} in its training and {own!r} here, in another order: "
                f"{remedy}"
            )
    if schema != used.schema:
        raise ConfigError(
            f"model {model}: it was trained on version {used.schema!r} of the feature set {used.name!r}, this is "
            f"{schema!r} with the same names (other parameters or options): {remedy}"
        )


def check_manifest(manifest: ModelManifest) -> None:
    """Refuse a version that no signal can be made of, or whose parts do not fit each other.

    Raises:
        ConfigError: naming the field, its value and the remedy.
    """
    model, again = manifest.model, "train the model again"
    if manifest.label.kind == "volatility":
        raise ConfigError(
            f"model {model}: label.kind='volatility' has no direction to signal; serve a model of `direction` or "
            "`barrier`"
        )
    if manifest.classes != DIRECTION:
        raise ConfigError(f"model {model}: classes={manifest.classes}: a direction has {DIRECTION}, {again}")
    if manifest.label.horizon_ms < 1:
        raise ConfigError(f"model {model}: label.horizon_ms={manifest.label.horizon_ms}: at least 1; {again}")
    if not manifest.inputs:
        raise ConfigError(f"model {model}: inputs=(): a model needs at least one; {again}")
    names = [member.name for member in manifest.members]
    if not names:
        raise ConfigError(f"model {model}: members=(): an ensemble needs at least one; {again}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"model {model}: members: {twice[0]!r} is there twice; {again}")
    if {*manifest.weights} != {*names}:
        raise ConfigError(f"model {model}: weights of {[*manifest.weights]} for the members {names}; {again}")
    shares = manifest.weights.values()
    if not all(math.isfinite(share) and share >= 0.0 for share in shares) or not 0.0 < sum(shares) < math.inf:
        raise ConfigError(f"model {model}: weights={manifest.weights}: finite, 0 or more, and not all 0; {again}")
    if not (math.isfinite(manifest.move_bps) and manifest.move_bps >= 0.0):
        raise ConfigError(f"model {model}: move_bps={manifest.move_bps}: a finite number, 0 or more; {again}")
