"""Feature records (topic `features`) into columns for `EnsembleSystem.decide`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from streams.columns import F64
from streams.errors import TickRejected

BAD_JSON: Final = "bad-json"
"""Not JSON in UTF-8."""
BAD_RECORD: Final = "bad-record"
"""JSON of this schema, but a field is missing or mistyped."""
SCHEMA_MISMATCH: Final = "schema-mismatch"
"""A record of another version of the feature set."""

_Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Price = Annotated[float, msgspec.Meta(gt=0)] | None


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """The n records of a batch that could be read, in their order, and those that could not."""

    ids: list[str]
    symbols: list[str]
    ts_ns: list[int]
    """Event times, ns since the epoch."""
    price: F64
    """[n], NaN where it is null."""
    values: F64
    """[n, k] in the order of the feature set's outputs, NaN where a value is null."""
    places: Sequence[int]
    """[n], ascending: the place of each record in the batch that was given."""
    rejected: list[tuple[int, TickRejected]]
    """The place, and why, of every other record."""
    schema: str

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, kept: Sequence[int]) -> "FeatureColumns":
        """Those of the n records at `kept`, ascending."""
        at = np.array(kept, np.intp)
        return FeatureColumns(
            ids=[self.ids[i] for i in kept],
            symbols=[self.symbols[i] for i in kept],
            ts_ns=[self.ts_ns[i] for i in kept],
            price=self.price[at],
            values=self.values[at],
            places=[self.places[i] for i in kept],
            rejected=self.rejected,
            schema=self.schema,
        )


class FeatureRecordDecoder:
    """Decodes the records of one version of one feature set: about 1 us each with 14 values.

    The fields that a decision needs are read into a Struct type made for the outputs, every one of which must be in
    `values`; `status`, `flags` and whatever else a record holds is skipped.
    """

    def __init__(self, outputs: Sequence[str], schema: str) -> None:
        """`outputs` in the order that the columns shall have; `schema`, the version that records must name."""
        self.outputs = tuple(outputs)
        self.schema = schema
        # A name such as `sma_20@1m` is no Python identifier: the fields are numbered and renamed.
        fields = [f"value_{place}" for place in range(len(self.outputs))]
        values = msgspec.defstruct(
            "Values",
            [(field, float | None) for field in fields],
            rename=dict(zip(fields, self.outputs, strict=True)),
            frozen=True,
            gc=False,
        )
        record = msgspec.defstruct(
            "FeatureRecord",
            [
                ("id", str),
                ("symbol", str),
                ("ts_ns", _Nanoseconds),
                ("schema", str),
                ("price", _Price),
                ("values", values),
            ],
            frozen=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(record).decode

    def decode(self, records: Sequence[bytes | None]) -> FeatureColumns:
        """Decode a batch; a record that cannot be used is rejected alone.

        Reasons of rejection: `bad-json` (also a record without value), `schema-mismatch`, `bad-record`.
        """
        good: list[Any] = []  # instances of a type that exists at run time only
        rejected: list[tuple[int, TickRejected]] = []
        for place, raw in enumerate(records):
            try:
                record: Any = self._decode(raw)  # type: ignore[arg-type]  # None is a TypeError, judged below
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
                rejected.append((place, self._rejection(raw, error)))
                continue
            if record.schema == self.schema:
                good.append(record)
            else:
                rejected.append((place, self._mismatch(record.schema)))
        refused = {place for place, _ in rejected}
        n, k = len(good), len(self.outputs)
        return FeatureColumns(
            ids=[record.id for record in good],
            symbols=[record.symbol for record in good],
            ts_ns=[record.ts_ns for record in good],
            price=_floats((record.price for record in good), n),
            values=_floats(
                chain.from_iterable([msgspec.structs.astuple(record.values) for record in good]), n * k
            ).reshape(n, k),
            places=[place for place in range(len(records)) if place not in refused] if refused else range(n),
            rejected=rejected,
            schema=self.schema,
        )

    def _rejection(self, raw: bytes | None, error: Exception) -> TickRejected:
        """Why `raw` did not decode: another schema lacks values of this one, so it is looked for first."""
        if raw is None:
            return TickRejected(BAD_JSON, "the record has no value; a feature record is a JSON object")
        if not isinstance(error, msgspec.ValidationError):
            return TickRejected(BAD_JSON, f"{error}; a feature record is a JSON object in UTF-8")
        try:
            schema = msgspec.json.decode(raw, type=_Head).schema
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad_head:
            return TickRejected(BAD_RECORD, f"{bad_head}; see the FeatureRecord in docs/records.md")
        if schema != self.schema:
            return self._mismatch(schema)
        return TickRejected(BAD_RECORD, f"{error}; see the FeatureRecord in docs/records.md")

    def _mismatch(self, schema: str) -> TickRejected:
        return TickRejected(
            SCHEMA_MISMATCH,
            f"schema {schema!r} is not {self.schema!r}, which this ensemble reads; give every worker of the group the "
            "same feature set",
        )


class _Head(msgspec.Struct, frozen=True):
    """What tells the feature set of a record that is otherwise not as expected."""

    schema: str


def _floats(numbers: Iterable[float | None], count: int) -> F64:
    """`count` numbers as float64, None as NaN (as NumPy converts it)."""
    # Typed to hide None from NumPy's stubs, which do not know that float64 takes it.
    return np.fromiter(numbers, dtype=np.float64, count=count)
