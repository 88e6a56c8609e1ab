"""Feature records as the topic has them, for the feature store: the way back from JSON to what was put."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
from aiokafka import ConsumerRecord

from streams.headers import MAX_DIGITS, header
from streams.records import SOURCE
from tables.features.contract import FeatureWrite

_NAN: Final = float("nan")
_Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Head(msgspec.Struct, frozen=True, gc=False):
    """What tells whether a record is wanted: the rest of it is skipped, which takes a fifth of the time."""

    symbol: str
    ts_ns: _Nanoseconds
    schema: str


class PastDecoder:
    """Decodes the records of one version of one feature set; those of another, or of nobody, are left out."""

    def __init__(self, outputs: Sequence[str], schema: str) -> None:
        self._schema = schema
        # A name such as `sma_20@1m` is no Python identifier: the fields are numbered and renamed.
        fields = [f"value_{place}" for place in range(len(outputs))]
        values = msgspec.defstruct(
            "Values",
            [(field, float | None) for field in fields],
            rename=dict(zip(fields, outputs, strict=True)),
            frozen=True,
            gc=False,
        )
        record = msgspec.defstruct(
            "PastRecord",
            [
                ("id", str),
                ("symbol", str),
                ("ts_ns", _Nanoseconds),
                ("schema", str),
                ("status", str),
                ("price", float | None),
                ("values", values),
                ("flags", msgspec.Raw),
            ],
            frozen=True,
            gc=False,
        )
        self._head = msgspec.json.Decoder(Head).decode
        self._decode = msgspec.json.Decoder(record).decode

    def heads(self, records: Iterable[ConsumerRecord]) -> list[tuple[ConsumerRecord, Head]]:
        """The records of this version, each with its head."""
        found = []
        for record in records:
            try:
                head = self._head(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
                continue  # a stranger's; the ensemble says so, in `features-rejected`
            if head.schema == self._schema:
                found.append((record, head))
        return found

    def write(self, record: ConsumerRecord) -> FeatureWrite | None:
        """What was put when `record` was made; None for one that cannot be read, or does not name its source."""
        source = source_of(record)
        if source < 0:
            return None
        try:
            found: Any = self._decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
            return None
        return FeatureWrite(
            symbol=found.symbol,
            partition=record.partition,
            offset=source,
            ts_ns=found.ts_ns,
            id=found.id,
            status=found.status,
            price=found.price,
            values=[_NAN if value is None else value for value in msgspec.structs.astuple(found.values)],
            flags=bytes(found.flags),
        )


def source_of(record: ConsumerRecord) -> int:
    """Offset of the tick that `record` was made of; -1 where it does not say."""
    source = header(record.headers, SOURCE)
    return int(source) if source is not None and source.isdigit() and len(source) <= MAX_DIGITS else -1
