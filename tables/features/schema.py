"""The description of a feature set in Redis, `features:schema:{version}`: all that a reader has to know of it.

A reader has no feature-set file. What decides the meaning of its values (outputs, limits) cannot change under a version
and is read once; what does not (what keeps history, and how long) may be that of another worker a moment ago.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from streams.feature_limits import limits
from streams.feature_set import FeatureSet
from streams.feature_units import units


class Meaning(NamedTuple):
    """What a description says beside outputs and lives, which the store that writes knows itself."""

    name: str
    groups: dict[str, str]
    units: dict[str, str]
    limits: dict[str, float]

    @classmethod
    def of(cls, feature_set: FeatureSet) -> "Meaning":
        """Of a feature set."""
        return cls(feature_set.name, feature_set.groups, units(feature_set), limits(feature_set))


NO_MEANING: Final = Meaning("", {}, {}, {})


class FeatureSchema(msgspec.Struct, frozen=True):
    """One feature set as its readers see it. What a worker of an earlier version did not write is empty."""

    schema: str
    """Version: 12 hexadecimal digits."""
    outputs: tuple[str, ...]
    """Names of the values, in the order of the set."""
    name: str = ""
    """What its authors call it; not part of the version."""
    groups: dict[str, str] = {}
    """Output -> group of the catalogue (`trend`, `momentum`, ...), or `derived`."""
    units: dict[str, str] = {}
    """Output -> unit (streams/feature_units.py)."""
    limits: dict[str, float] = {}
    """Output -> seconds of event time after which it is stale. One without a limit never is."""
    history: tuple[str, ...] = ()
    """Outputs that keep history keys."""
    history_ttl_s: dict[str, int] = {}
    """Output -> life of its history keys, seconds."""
    latest_ttl_s: int = 0
    """Life of a symbol's newest record, seconds."""

    @classmethod
    def of(
        cls,
        version: str,
        outputs: Sequence[str],
        history_ttl_s: Mapping[str, int],
        latest_ttl_s: int,
        meaning: Meaning | None = None,
    ) -> "FeatureSchema":
        """The description of the set that a store writes."""
        return cls(
            schema=version,
            outputs=tuple(outputs),
            **(meaning or NO_MEANING)._asdict(),
            history=tuple(history_ttl_s),
            history_ttl_s=dict(history_ttl_s),
            latest_ttl_s=latest_ttl_s,
        )

    def encoded(self) -> str:
        """As it stands in Redis: JSON."""
        return msgspec.json.encode(self).decode()

    @property
    def life_s(self) -> int:
        """Longest life of a history key, seconds; 0 where none is kept."""
        return max(self.history_ttl_s.values(), default=0)


def decode_schema(text: bytes) -> FeatureSchema | None:
    """None where it cannot be read: somebody else's key, or one of a version to come."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


_DECODER = msgspec.json.Decoder(FeatureSchema)
