"""What Redis shows, held against the record in the topic that it says it is."""

from collections.abc import Mapping
from typing import Protocol

from streams.audit.difference import Difference
from streams.audit.served import Served


class Shown(Protocol):
    """The newest features of one symbol (tables.features.contract.LatestFeatures)."""

    @property
    def id(self) -> str:
        """Of the record."""

    @property
    def ts_ns(self) -> int:
        """Its event time."""

    @property
    def schema(self) -> str:
        """Version of its feature set."""

    @property
    def status(self) -> str:
        """As recorded."""

    @property
    def price(self) -> float | None:
        """Of the last trade."""

    @property
    def values(self) -> Mapping[str, float | None]:
        """By name."""

    @property
    def flags(self) -> Mapping[str, str]:
        """Of those that are not ready."""


def store_differences(shown: Shown, served: Served) -> list[Difference]:
    """Where Redis differs from the record of the same id: every bit must be the same."""
    found = [
        Difference(name, "field", getattr(shown, name), getattr(served, name))
        for name in ("schema", "ts_ns", "price")
        if getattr(shown, name) != getattr(served, name)
    ]
    for output in {**served.values, **shown.values}:
        ours, theirs = shown.values.get(output), served.values.get(output)
        if ours != theirs:
            found.append(Difference(output, "value", ours, theirs))
        flag, other = shown.flags.get(output), served.flags.get(output)
        if flag != other:
            found.append(Difference(output, "flag", flag, other))
    return found
