"""A loaded version of a trained ensemble: from features to decisions."""

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.decision.bands import Bands
from agents.decision.calibration import Calibrator
from agents.decision.class_pool import class_pool, distributions
from agents.decision.decisions import MEMBER, STACKER, UNUSABLE, WARMING, Decisions
from agents.decision.inputs import InputMatrix, able_members
from agents.decision.onnx_model import OnnxModel
from agents.decision.scores import Scores
from agents.decision.stacker import stacker_inputs
from agents.decision.verdict import calibrated_classes, shares_up, verdicts
from agents.decision.version_checks import DIRECTION, check_feature_set, check_manifest
from streams.columns import F64
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from tables.models.manifest import MemberFile, ModelManifest, StackerFile, decode_manifest

log = logging.getLogger(__name__)

Flags = NDArray[np.bool_]


class ModelVersion:
    """A version's members, stacker and calibration, bound to the outputs of a feature set (a `Decider`).

    With P the classes of the stacker, or of the weighted pool (agents/decision/class_pool.py) where there is none,
    where weights are given, or where a member did not answer:

        p                   = calibration(P(up) / (P(up) + P(down)))                  that a move goes up
        classes             = P(flat) as it is, the rest shared by p and 1 - p
        confidence          = |classes up - classes down|
        high                = max(classes up, classes down) >= tier.threshold, and every member answered
        action              = the likelier direction where confidence > act_above or high, else hold
        expected_return_bps = (classes up - classes down) * move_bps
        risk                = that of the rules (agents/decision/bands.py)

    It keeps no state: a decision depends on its own record only, to the last bit, however a batch is cut. One caller at
    a time.
    """

    def __init__(self, manifest: ModelManifest, files: Mapping[str, bytes], outputs: Sequence[str]) -> None:
        """See `load`, which checks that the manifest and these belong together."""
        self.manifest = manifest
        self.model = manifest.model
        self.names = tuple(member.name for member in manifest.members)
        self.horizon_ms = manifest.label.horizon_ms
        self.outputs = tuple(outputs)
        self._inputs = InputMatrix(self.outputs, manifest.inputs)
        self._columns = np.array([self.outputs.index(name) for name in self._inputs.names], np.intp)
        classes = len(manifest.classes)
        self._members = [
            OnnxModel(member.file, files[member.file], width=len(manifest.inputs), classes=classes)
            for member in manifest.members
        ]
        self._takes_nan = [member.takes_nan for member in manifest.members]
        self._stacker = None
        if manifest.stacker is not None:
            file = manifest.stacker.file
            width = len(self.names) * classes
            self._stacker = OnnxModel(file, files[file], width=width, classes=classes)
        weights = np.array([manifest.weights[name] for name in self.names])
        self.weights: F64 = weights / weights.sum()
        self.weights.flags.writeable = False  # every Decisions shows this array
        self._calibrate = Calibrator(manifest.calibration)
        self._threshold = math.nan if manifest.tier.threshold is None else manifest.tier.threshold
        self._bands = Bands(self.outputs)

    @classmethod
    def load(
        cls, manifest: ModelManifest, files: Mapping[str, bytes], *, outputs: Sequence[str], schema: str
    ) -> "ModelVersion":
        """Load a version for a feature set, some tenths of a second.

        Args:
            manifest: what the version is.
            files: path relative to the version's folder -> content, of every member and the stacker.
            outputs: names of the columns that it will get, in their order.
            schema: version of the feature set.

        Raises:
            ConfigError: the version was trained on another feature set, other outputs or another order; a file is
                missing or altered or no model; the label has no direction; the manifest contradicts itself.
        """
        check_feature_set(manifest, outputs, schema)
        check_manifest(manifest)
        for part in _parts(manifest):
            if part.file not in files:
                raise ConfigError(f"model {manifest.model}: no file {part.file}; copy the whole folder of the version")
            found = hashlib.sha256(files[part.file]).hexdigest()
            if found != part.sha256:
                raise ConfigError(
                    f"model {manifest.model}: {part.file} has the SHA-256 {found[:12]}..., the manifest says "
                    f"{part.sha256[:12]}...: the file was damaged or altered; take the version from where it came from"
                )
        return cls(manifest, files, outputs)

    @classmethod
    def from_folder(cls, path: str | Path, feature_set: FeatureSet) -> "ModelVersion":
        """Load the version in the folder `path`, for work outside the stream.

        Raises:
            ConfigError: as `load`, or a file cannot be read.
        """
        folder = Path(path)
        try:
            manifest = decode_manifest((folder / "manifest.json").read_bytes(), str(folder / "manifest.json"))
            files = {part.file: (folder / part.file).read_bytes() for part in _parts(manifest)}
        except OSError as error:
            raise ConfigError(
                f"model {folder}: {error.strerror}: {error.filename}; name the folder of a version, "
                "<registry>/<name>/<version>"
            ) from None
        return cls.load(manifest, files, outputs=feature_set.outputs, schema=feature_set.version)

    def warm_up(self) -> None:
        """Compile what compiles at first use (seconds; from the cache 0.1 s), before the first record waits for it."""
        self.decide(np.ones((2, len(self.outputs))), np.ones(2))

    def score(self, values: F64, price: F64) -> Scores:
        """What the members say about n records: `values` [n, k] in the order of `outputs`, `price` [n].

        A member that raises does not answer for the whole batch; `Scores.errors` says what it raised.

        Raises:
            ValueError: the shapes do not fit.
        """
        matrix = self._inputs(values, price)
        able: Flags = able_members(matrix, self.manifest.inputs, self._takes_nan)
        probabilities = np.full((len(price), len(self.names), len(DIRECTION)), math.nan)
        errors: dict[str, str] = {}
        for j, member in enumerate(self._members):
            try:
                raw = member.probabilities(matrix)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others still answer, and it is reported
                errors[self.names[j]] = f"{type(error).__name__}: {error}"
            else:
                probabilities[:, j] = distributions(raw, able[:, j])
        return Scores(probabilities, np.asarray(able.any(axis=1), np.bool_), able, errors)

    def decide(
        self,
        values: F64,
        price: F64,
        *,
        scores: Scores | None = None,
        weights: F64 | None = None,
        without: frozenset[str] = frozenset(),
    ) -> Decisions:
        """Decide about n records.

        Where a member that was able to answer failed, or is left out, the others answer by their weights: `fallback`,
        with the reason `member:<name>` of the first such. The same where the stacker fails, with the reason `stacker`.
        Where nobody answers the decision is to hold: probability 0.5, confidence 0, classes NaN, reason `warming` where
        a feature or the price has not come, else `unusable`.

        Args:
            values: [n, k] in the order of `outputs`; NaN where a value is null.
            price: [n], last trade price in the quote currency; NaN before the first trade.
            scores: what `score` said about them; None: ask it now.
            weights: [n, m], finite, >= 0, on any scale: pool the members by these; None: the stacker.
            without: names of members to leave out.

        Raises:
            ValueError: the shapes do not fit.
        """
        if scores is None:
            scores = self.score(values, price)
        n, m = len(price), len(self.names)
        probabilities = scores.probabilities
        if without:
            probabilities = probabilities.copy()
            probabilities[:, [j for j, name in enumerate(self.names) if name in without]] = math.nan
        if probabilities.shape != (n, m, len(DIRECTION)) or (weights is not None and weights.shape != (n, m)):
            raise ValueError(f"scores {probabilities.shape} and weights: give [{n}, {m}, 3] and [{n}, {m}]")
        silent = np.isnan(probabilities[:, :, 0])
        whole = ~silent.any(axis=1)
        shares = np.broadcast_to(self.weights, (n, m)) if weights is None else weights
        raw, effective = class_pool(probabilities, shares)
        unstacked = np.zeros(n, np.bool_)
        if self._stacker is not None and weights is None and whole.any():
            stacked = self._stacked(probabilities[whole])
            unstacked[whole] = np.isnan(stacked[:, 0])
            raw[whole] = np.where(np.isnan(stacked), raw[whole], stacked)
        up = self._calibrate(shares_up(raw))
        classes = calibrated_classes(raw, up)
        confidence, action, high = verdicts(classes, self.manifest.act_above, self._threshold)
        failed = scores.able & silent
        reason = self._reasons(failed, unstacked, np.isnan(up), values, price)
        return Decisions(
            probability_up=np.where(np.isnan(up), 0.5, up),
            confidence=confidence,
            action=action,
            expected_return_bps=(classes[:, 2] - classes[:, 0]) * self.manifest.move_bps,
            risk=self._bands.risk_bps(values, price),
            members=shares_up(probabilities),
            weights=self.weights,
            effective_weights=effective,
            reason=reason,
            names=self.names,
            horizon_ms=self.horizon_ms,
            classes=classes,
            high=high & whole & ~unstacked,
            fallback=(failed.any(axis=1) | unstacked) & ~np.isnan(up),
        )

    def _stacked(self, probabilities: F64) -> F64:
        """[n, 3]: the stacker's classes where all members answered; NaN where it raises or gives no distribution."""
        assert self._stacker is not None
        try:
            raw = self._stacker.probabilities(stacker_inputs(probabilities))
        except Exception as error:  # noqa: BLE001 - whatever it is, the pool can answer
            log.warning("model %s: the stacker failed, the members are pooled by weight: %r", self.model, error)
            return np.full((len(probabilities), len(DIRECTION)), math.nan)
        return distributions(raw, np.ones(len(raw), np.bool_))

    def _reasons(self, failed: Flags, unstacked: Flags, nobody: Flags, values: F64, price: F64) -> list[str | None]:
        """[n]: why a decision is not the whole version's own."""
        reason: list[str | None] = [None] * len(nobody)
        for i in np.flatnonzero(unstacked).tolist():
            reason[i] = STACKER
        for i, j in zip(*(places.tolist() for places in np.nonzero(failed)), strict=True):
            reason[i] = reason[i] or MEMBER + self.names[j]
        for i in np.flatnonzero(nobody).tolist():
            warming = np.isnan(values[i, self._columns]).any() or math.isnan(price[i])
            reason[i] = WARMING if warming else UNUSABLE
        return reason


def _parts(manifest: ModelManifest) -> tuple[MemberFile | StackerFile, ...]:
    """Every file of a model that the manifest names."""
    return (*manifest.members, *((manifest.stacker,) if manifest.stacker else ()))
