"""Feature records (topic `features`) of one version into rows of numbers."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.records import FLAG_NAMES

Rows: TypeAlias = NDArray[Any]
"""A structured array (`row_type`)."""

STATUSES: Final = FLAG_NAMES[:4]
"""What a record's `status` may say; rows hold the place in it."""
_Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Head(msgspec.Struct, frozen=True):
    """What of a record says whether it is taken, and its price."""

    id: str
    symbol: str
    ts_ns: _Nanoseconds
    schema: str
    price: float | None


class Place(NamedTuple):
    """Where a record's tick stands in the input topic: what its `id` says."""

    topic: str
    partition: int
    offset: int


def place_of(id_: str) -> Place:
    """Parts of `<source topic>-<partition>-<offset>`.

    Raises:
        ValueError: it is no such id.
    """
    topic, _, rest = id_.rpartition("-")
    topic, _, partition = topic.rpartition("-")
    if not (topic and partition.isdecimal() and rest.isdecimal()):
        raise ValueError(f"id {id_!r} is not <source topic>-<partition>-<offset>")
    return Place(topic, int(partition), int(rest))


decode_head: Final = msgspec.json.Decoder(Head).decode


def row_type(width: int) -> np.dtype[Any]:
    """One record with `width` values: source offset, times in ns since the epoch, price and values (NaN for null)."""
    return np.dtype(
        [
            ("source", "<i8"),
            ("ts_ns", "<i8"),
            ("known_ns", "<i8"),
            ("price", "<f8"),
            ("status", "u1"),
            ("flags", "<u4"),
            ("values", "<f8", (width,)),
        ]
    )


class RowDecoder:
    """Decodes the records of one version; remembers each pattern of flags once, as the JSON that the record had."""

    def __init__(self, schema: str, first: bytes) -> None:
        """The outputs, in their order, are those of the record `first`."""
        self.schema = schema
        self.outputs = tuple(msgspec.json.decode(first, type=_Outputs).values)
        self.row_type = row_type(len(self.outputs))
        self.patterns: list[str] = []
        self._numbers: dict[bytes, int] = {}
        fields = [f"value_{place}" for place in range(len(self.outputs))]
        values = msgspec.defstruct(
            "Values",
            [(field, float | None) for field in fields],
            rename=dict(zip(fields, self.outputs, strict=True)),
            frozen=True,
            gc=False,
        )
        record = msgspec.defstruct(
            "FeatureRecord", [("status", str), ("values", values), ("flags", msgspec.Raw)], frozen=True, gc=False
        )
        self._decode = msgspec.json.Decoder(record).decode

    def decode(self, records: Sequence[tuple[int, Head, int, bytes]]) -> Rows:
        """Rows of (source offset, head, known_ns, value of the record), in their order.

        Raises:
            msgspec.DecodeError: one is not a record of this version.
            ValueError: its status is none.
        """
        rows = np.zeros(len(records), self.row_type)
        values = np.empty((len(records), len(self.outputs)))
        for i, (source, head, known_ns, value) in enumerate(records):
            record: Any = self._decode(value)
            price = np.nan if head.price is None else head.price
            rows[i] = (source, head.ts_ns, known_ns, price, STATUSES.index(record.status), self._flags(record.flags), 0)
            values[i] = msgspec.structs.astuple(record.values)
        rows["values"] = values
        return rows

    def _flags(self, raw: msgspec.Raw) -> int:
        pattern = bytes(raw)
        number = self._numbers.get(pattern)
        if number is None:
            number = self._numbers[pattern] = len(self.patterns)
            self.patterns.append(msgspec.json.encode(msgspec.json.decode(pattern, type=dict[str, str])).decode())
        return number


class _Outputs(msgspec.Struct, frozen=True):
    values: dict[str, float | None]
