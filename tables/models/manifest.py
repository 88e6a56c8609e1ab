"""The manifest of a model version: everything about a trained ensemble that is not a weight of a member.

    <registry>/<name>/<version>/
      manifest.json
      members/<member>.onnx     input "inputs" float32 [n, k], output "probabilities" float32 [n, classes]
      stacker.onnx              input "inputs" float32 [n, members * classes] (agents/decision/stacker.py), output too
      report.html, report.json

A version is named by its content: the first 12 hex digits of the SHA-256 over the canonical JSON of the manifest
without `version`, `created` and `metrics`, which holds the hashes of every model file. So the same training gives the
same version, and what was altered afterwards is noticed.
"""

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from streams.errors import ConfigError

FORMAT: Final = 1
VERSION_DIGITS: Final = 12
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
UNNAMED: Final = ("version", "created", "metrics")
"""Fields that the version does not depend on."""

Form = Literal["raw", "relative", "scaled", "log"]
"""How an output of the feature set becomes an input of a model, free of the level of prices:

- `raw`: as it is (indices, ratios, bps, seconds).
- `relative`: (value / price - 1) * 10,000, for levels of the price.
- `scaled`: value / price * 10,000, for differences of prices.
- `log`: sign(value) * ln(1 + |value|), for quantities, money and counts.
"""
Name = Annotated[str, msgspec.Meta(pattern=NAME)]


class FeatureSetUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The feature set that a version was trained on."""

    name: str
    schema: str
    outputs: tuple[str, ...]
    """In their order: a record of another one is refused."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of the matrix that members get."""

    output: str
    form: Form
    missing: bool = True
    """Whether it was missing in some row of the training. Where it never was, as in a warmed-up symbol, a record that
    lacks it is not answered by any member."""


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was to be foretold."""

    kind: Literal["direction", "barrier", "volatility"]
    horizon_ms: int
    dead_band_bps: float = 0.0
    price: Literal["mid", "last"] = "mid"
    take_bps: float | None = None
    stop_bps: float | None = None
    bounds_bps: tuple[float, ...] = ()
    """Of a volatility regime: upper bounds of all classes but the last."""


class MemberFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the ensemble."""

    name: Name
    kind: str
    """`lightgbm`, `xgboost`, `random_forest`, `logistic`, `mlp`."""
    file: str
    """Relative to the version's folder."""
    sha256: str
    takes_nan: bool = False
    """Whether it answers where an input is missing."""


class StackerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that weighs the members by their probabilities."""

    file: str
    sha256: str


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the ensemble's share of up, s = up / (up + down), to the probability that a move goes up.

    `isotonic`: linear between the points (`x`, `y`), both rising, flat outside. `platt`: 1 / (1 + exp(-(a * ln(s /
    (1 - s)) + b))) with `x` = (a,), `y` = (b,). `none`: s.
    """

    kind: Literal["isotonic", "platt", "none"] = "none"
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The records that are called with high confidence.

    Score of a record: the probability of the likelier direction with flat counting as wrong, max(up, down) of the
    ensemble's classes after calibration of the direction: (up + down) * p or (up + down) * (1 - p).
    """

    target_precision: float
    threshold: float | None
    """Least score; None: no threshold reached the target on the data of the choice."""
    precision: float | None = None
    """Out of sample, on data that no choice was made on; with the interval of 95%."""
    precision_low: float | None = None
    precision_high: float | None = None
    coverage: float | None = None
    """Share of all records of that data."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the data and what it was for."""

    purpose: str
    """`members`, `stacker`, `calibration`, `threshold`, `test`, or `fold-N`."""
    from_ns: int
    to_ns: int
    rows: int


PROBABILITY_UP: Final = "probability_up"
"""Called so beside the inputs: the calibrated probability of a rise."""
SESSION_PHASE: Final = "session_phase"
"""Output of a feature set by which drift has references of their own."""


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distribution of an input in the training data: `shares` of the bins that `edges` cut (one more than edges)."""

    input: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    phase: int | None = None
    """Of the session (SESSION_PHASE) that this is of; None: of all records."""


class ModelManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See the module's docstring."""

    format: int = FORMAT
    name: Name
    version: str = ""
    created: str = ""
    """RFC 3339."""
    feature_set: FeatureSetUsed
    inputs: tuple[Input, ...]
    label: Label
    classes: tuple[str, ...]
    """`down`, `flat`, `up` for a direction or a barrier, in this order."""
    members: tuple[MemberFile, ...]
    stacker: StackerFile | None
    weights: dict[str, float]
    """Member -> share of the weighted pool, where there is no stacker, and prior of dynamic weights."""
    calibration: Calibration
    tier: Tier
    act_above: Annotated[float, msgspec.Meta(ge=0, lt=1)]
    """Confidence |P(up) - P(down)|, calibrated, above which a signal says to buy or sell."""
    move_bps: float
    """Mean absolute return over the horizon of the training rows that moved: expected return is (up - down) * this."""
    data: dict[str, str | int | float | list[str]]
    """`hash` of the training rows, `ticks`, `rows`, `symbols`, `from_ns`, `to_ns`."""
    splits: tuple[Part, ...]
    drift: tuple[Drift, ...] = ()
    """By input; the last one is named `probability_up`."""
    metrics: dict[str, dict[str, float | None]] = {}
    """Out of sample: metric -> `value`, `low`, `high` (95%)."""
    seed: int = 0
    libraries: dict[str, str] = {}

    @property
    def model(self) -> str:
        """As signals name it."""
        return f"{self.name}@{self.version}"


def version_of(manifest: ModelManifest) -> str:
    """The version that the content of `manifest` has."""
    content = {k: v for k, v in msgspec.to_builtins(manifest).items() if k not in UNNAMED}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:VERSION_DIGITS]


def named(manifest: ModelManifest) -> ModelManifest:
    """The manifest with the version of its content."""
    return msgspec.structs.replace(manifest, version=version_of(manifest))


def encode_manifest(manifest: ModelManifest) -> bytes:
    """JSON for people to read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode_manifest(raw: bytes, where: str) -> ModelManifest:
    """The manifest that stands at `where`.

    Raises:
        ConfigError: it is none, is of another format, or was altered after it was named.
    """
    try:
        manifest = msgspec.json.decode(raw, type=ModelManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: no manifest of a model: {error}; train the model again") from None
    if manifest.format != FORMAT:
        raise ConfigError(f"{where}: format={manifest.format}, this version reads {FORMAT}; train the model again")
    if manifest.version != version_of(manifest):
        raise ConfigError(
            f"{where}: version={manifest.version!r}, but its content is {version_of(manifest)!r}: it was altered after "
            "the training; take the version from where it came from, or train the model again"
        )
    return manifest
