"""Reading the feature store: what may be asked, and what an answer says. The same for Redis and for the twin in memory.

Every answer is of one feature set and says which (`schema`), how old it is (`age_s`), and whether it may be used
(`status`, `flags`), by the one rule of tables/features/freshness.py. `latest` and `latest_many` read whole records in
one atomic step, `as_of` one whole record of the past.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from streams.errors import FeatureNameError
from streams.records import FLAG_NAMES, READY, UNDEFINED
from tables.features.answers import FeatureHistory, HistoryPoint, LatestFeatures, PastFeatures
from tables.features.freshness import ABSENT, EXPIRED, NS, judged, limits_ns, worst
from tables.features.keys import check_kept, check_known, seconds_between
from tables.features.matrix import FeatureMatrix, matrix_of
from tables.features.schema import FeatureSchema
from tables.features.source import FeatureSource, StoredRecord

_NO_LIFE_S = 300
"""How far back `as_of` looks where nobody has said how long history is kept."""


class FeatureReads:
    """Reads what `source` has.

    Args:
        source: of one feature set, or of the active one.
        known: description of the set that the source is known to be of, if it is.
        now_ns: the reader's clock, ns since the epoch. A replay of the past passes a clock of the past, or `now_ns` of
            a call.
    """

    def __init__(
        self, source: FeatureSource, known: FeatureSchema | None = None, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._source = source
        self._known = known
        self._now_ns = now_ns
        self._schemas: dict[str, FeatureSchema] = {} if known is None else {known.schema: known}
        self._limits: dict[str, Mapping[str, int]] = {}
        self._last = "" if known is None else known.schema
        """Version of the last record that was read."""

    async def latest(
        self, symbol: str, names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> LatestFeatures | None:
        """Newest features of `symbol` (of `names` only, if given), of one record; None if there are none.

        One round trip; the description of a set that was not seen before takes one more, once. Of a set that has no
        description only the values that are not null are known.

        Raises:
            FeatureNameError: one of `names` is not in the feature set.
            RetryError: the store does not answer.
        """
        self._check(names)
        (record,) = await self._source.newest([symbol], names)
        if record is None:
            return None
        schema = await self._schema_of(record.note.schema)
        return LatestFeatures(**self._answer(symbol, record, names, schema, self._time(now_ns)))

    async def latest_many(
        self, symbols: Sequence[str], names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> FeatureMatrix:
        """Newest features of `symbols` as a matrix [symbols, names], in one round trip and one atomic step.

        `names` None: all of the feature set, which takes longer to read.

        All of one feature set: the newest record says which, and a symbol whose record is of another one (it has had
        no tick since the sets changed) is absent.

        Raises:
            FeatureNameError: one of `names` is not in the feature set.
            RetryError: the store does not answer.
        """
        self._check(names)
        if not symbols:
            return matrix_of(symbols, names or (), [], "", {}, self._time(now_ns))
        records = await self._source.newest(symbols, names)
        notes = [record.note for record in records if record is not None]
        version = max(notes, key=lambda note: note.ts_ns).schema if notes else ""
        schema = await self._schema_of(version)
        self._check_of(schema, names)
        if names is None:
            names = () if schema is None else schema.outputs
            records = [None if record is None else record.of(names) for record in records]
        return matrix_of(symbols, names, records, version, self._limits_of(schema), self._time(now_ns))

    async def latest_records(self, symbols: Sequence[str], *, now_ns: int | None = None) -> list[LatestFeatures | None]:
        """Newest features of each of `symbols`, in one round trip and one atomic step; None where there are none.

        Raises:
            RetryError: the store does not answer.
        """
        records = await self._source.newest(symbols, None) if symbols else []
        now = self._time(now_ns)
        found: list[LatestFeatures | None] = []
        for symbol, record in zip(symbols, records, strict=True):
            schema = None if record is None else await self._schema_of(record.note.schema)
            found.append(None if record is None else LatestFeatures(**self._answer(symbol, record, None, schema, now)))
        return found

    def judged_again(self, features: LatestFeatures, *, now_ns: int | None = None) -> LatestFeatures:
        """What was read before, as it is to be judged now: older, and perhaps stale."""
        age_ns = self._time(now_ns) - features.ts_ns
        flags = judged(features.values, features.flags, age_ns, self._limits_of(self._schemas.get(features.schema)))
        status = worst(flags.values(), features.status)
        return msgspec.structs.replace(features, status=status, flags=flags, age_s=age_ns / NS)

    async def history(
        self, symbol: str, name: str, start_ns: int, end_ns: int, *, now_ns: int | None = None
    ) -> FeatureHistory:
        """Values of `name` in the seconds that begin in [start_ns, end_ns).

        Raises:
            FeatureNameError: `name` is not in the feature set, or keeps no history there.
            RetryError: the store does not answer.
            ValueError: the range spans more than a day.
        """
        self._check([name], kept=True)
        seconds = seconds_between(start_ns, end_ns)
        points = await self._source.points(symbol, name, seconds) if seconds else []
        version = points[-1].note.schema if points else self._last
        schema = await self._schema_of(version)
        self._check_of(schema, [name], kept=True)
        if not points:
            return FeatureHistory(symbol, name, "", ABSENT, None, [])
        age_ns = self._time(now_ns) - points[-1].note.ts_ns
        flags = judged([name], points[-1].note.flags, age_ns, self._limits_of(schema))
        found = [
            HistoryPoint(second, value, note.flags.get(name, FLAG_NAMES[READY]), note.ts_ns, note.id)
            for second, value, note in points
            if note.schema == version
        ]
        return FeatureHistory(symbol, name, version, worst(flags.values()), age_ns / NS, found)

    async def as_of(self, symbol: str, names: Sequence[str] | None, ts_ns: int) -> PastFeatures | None:
        """What was known of `symbol` at `ts_ns`: the last record of the newest second that was over then.

        A second's values are those of its last record, and while it lasts they may change: so only completed seconds
        count. None where no second within the life of the history has a record. A value whose own life is shorter than
        that of the others is None and flagged `expired`. `names` None: all that keep history.

        Raises:
            FeatureNameError: one of `names` is not in the feature set, or keeps no history there.
            RetryError: the store does not answer.
        """
        self._check(names, kept=True)
        schema = await self._expected(symbol)
        asked = names
        last = ts_ns // NS - 1
        while True:
            wanted = asked if asked is not None else [] if schema is None else schema.history
            life_s = (0 if schema is None else schema.life_s) or _NO_LIFE_S
            found = await self._source.at(symbol, wanted, range(last, max(last - life_s, -1), -1))
            if found is None:
                self._check_of(schema, names, kept=True)
                return None
            second, record = found
            version = record.note.schema
            if schema is not None and schema.schema == version:
                break
            of_record = await self._schema_of(version)
            if of_record is None or asked is not None:
                schema = of_record
                break
            schema = of_record
        self._check_of(schema, names, kept=True)
        fields = self._answer(symbol, record, wanted, schema, ts_ns, missing=EXPIRED)
        return PastFeatures(**fields, second=second, as_of_ns=ts_ns)

    async def symbols(self) -> list[str]:
        """Symbols whose latest features have not expired, sorted. RetryError: the store does not answer."""
        return await self._source.symbols()

    async def describe(self, version: str) -> FeatureSchema | None:
        """The description of a feature set as it stands there now; RetryError: the store does not answer."""
        return await self._source.describe(version)

    async def schemas(self) -> list[FeatureSchema]:
        """The descriptions of all feature sets that were ever written here. RetryError: the store does not answer."""
        return await self._source.schemas()

    def _answer(
        self,
        symbol: str,
        record: StoredRecord,
        names: Sequence[str] | None,
        schema: FeatureSchema | None,
        now_ns: int,
        missing: str = FLAG_NAMES[UNDEFINED],
    ) -> dict[str, Any]:
        """Fields of an answer; a null without a flag gets `missing`, and a set without description has no nulls."""
        note = record.note
        self._check_of(schema, names)
        given = dict(zip(record.names, record.values, strict=True))
        every = (given if schema is None else schema.outputs) if names is None else names
        values = {name: given.get(name) for name in every}
        flags = judged(values, note.flags, now_ns - note.ts_ns, self._limits_of(schema))
        for name, value in values.items():
            if value is None and flags.get(name, "stale") == "stale":
                flags[name] = missing
        return {
            "symbol": symbol,
            "ts_ns": note.ts_ns,
            "schema": note.schema,
            "status": worst(flags.values(), note.status if names is None else FLAG_NAMES[READY]),
            "id": note.id,
            "price": note.price,
            "values": values,
            "flags": flags,
            "age_s": (now_ns - note.ts_ns) / NS,
        }

    async def _schema_of(self, version: str) -> FeatureSchema | None:
        """The description of the set that a record is of; read once, for its meaning cannot change."""
        if not version:
            return None
        self._last = version
        if version not in self._schemas:
            found = await self._source.describe(version)
            if found is None:
                return None
            self._schemas[version] = found
        return self._schemas[version]

    async def _expected(self, symbol: str) -> FeatureSchema | None:
        """The set that the next answer is most likely of."""
        if not self._last:
            (record,) = await self._source.newest([symbol], [])
            if record is not None:
                self._last = record.note.schema
        return await self._schema_of(self._last)

    def _limits_of(self, schema: FeatureSchema | None) -> Mapping[str, int]:
        if schema is None:
            return {}
        if schema.schema not in self._limits:
            self._limits[schema.schema] = limits_ns(schema.limits)
        return self._limits[schema.schema]

    def _time(self, now_ns: int | None) -> int:
        return self._now_ns() if now_ns is None else now_ns

    def _check(self, names: Sequence[str] | None, *, kept: bool = False) -> None:
        """Refuse what is not in the store's own set, before anything is read."""
        self._check_against(self._known, names, kept=kept)

    def _check_of(self, schema: FeatureSchema | None, names: Sequence[str] | None, *, kept: bool = False) -> None:
        """Refuse what is not in the set of the answer. A store with a set of its own has checked before; a record that
        another set left under its keys has nothing of what only the own one has."""
        if self._known is None:
            self._check_against(schema, names, kept=kept)

    @staticmethod
    def _check_against(schema: FeatureSchema | None, names: Sequence[str] | None, *, kept: bool = False) -> None:
        if names is not None and len(set(names)) != len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise FeatureNameError(f"feature {twice!r} is asked for twice; name it once")
        if schema is None or names is None:
            return
        check_known(names, schema.outputs, schema.schema)
        for name in names if kept else ():
            check_kept(name, schema.history, schema.outputs, schema.schema)
