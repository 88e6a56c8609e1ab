"""Where reads come from: what Redis and the twin in memory each give, before anybody judges it.

Everything that decides what an answer says (status, age, one set per answer, which names there are) is in
tables/features/reads.py, the same for both.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tables.features.schema import FeatureSchema


class StoredNote(NamedTuple):
    """What stands beside the values of one record."""

    ts_ns: int
    schema: str
    status: str
    id: str
    price: float | None
    flags: dict[str, str]


class StoredRecord(NamedTuple):
    """One record; `values` are in the order of `names`, None for null."""

    note: StoredNote
    names: Sequence[str]
    values: Sequence[float | None]

    def of(self, names: Sequence[str]) -> "StoredRecord":
        """The same with the values of `names`, in their order."""
        given = dict(zip(self.names, self.values, strict=True))
        return StoredRecord(self.note, names, [given.get(name) for name in names])


class StoredPoint(NamedTuple):
    """One value of one second."""

    second: int
    value: float
    note: StoredNote


class FeatureSource(Protocol):
    """Reads of one feature set's keys. Each call is one atomic step, but for `points` of more than a thousand seconds.

    All raise RetryError where the store does not answer.
    """

    async def newest(self, symbols: Sequence[str], names: Sequence[str] | None) -> list[StoredRecord | None]:
        """Newest record of each of `symbols`, None where there is none; of all values that are not null without
        `names`."""

    async def at(self, symbol: str, names: Sequence[str], seconds: range) -> tuple[int, StoredRecord] | None:
        """The first of `seconds` that has a record, and that record; None where none has."""

    async def points(self, symbol: str, name: str, seconds: range) -> list[StoredPoint]:
        """The values of those of `seconds` that have one, in their order."""

    async def symbols(self) -> list[str]:
        """Symbols whose newest record has not expired, sorted."""

    async def describe(self, version: str) -> FeatureSchema | None:
        """The description of a feature set, None where there is none."""

    async def schemas(self) -> list[FeatureSchema]:
        """All descriptions, by version."""
