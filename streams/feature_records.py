"""Feature records as JSON: one Struct type per feature set, because naming 60 floats in a dict costs twice as much."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from streams.columns import U8
from streams.records import FLAG_NAMES, READY

_STATUS: Final = np.array([0, 1, 2, 3, 0, 0], np.uint8)
"""What each flag counts for a record's status: `undefined` and `unavailable` do not."""


class FeatureEncoder:
    """Encodes folded ticks of one feature set as the values of the `features` topic."""

    def __init__(self, outputs: Sequence[str], schema: str) -> None:
        self._outputs = tuple(outputs)
        self._schema = schema
        # A name like `sma_20@1m` is no Python identifier: the fields are numbered and renamed.
        fields = [f"value_{place}" for place in range(len(self._outputs))]
        self._values: Any = msgspec.defstruct(
            "Values",
            [(field, float) for field in fields],
            rename=dict(zip(fields, self._outputs, strict=True)),
            frozen=True,
            gc=False,
        )
        self._record: Any = msgspec.defstruct(
            "FeatureRecord",
            [
                ("id", str),
                ("symbol", str),
                ("ts_ns", int),
                ("schema", str),
                ("status", str),
                ("price", float),
                ("values", self._values),
                ("flags", msgspec.Raw),
            ],
            frozen=True,
            gc=False,
        )
        self._flags: dict[bytes, tuple[str, msgspec.Raw, bytes]] = {}
        self._encode_into = msgspec.json.Encoder().encode_into
        self._buffer = bytearray()
        """One for all records: a new one for each would grow several times."""

    def encode(
        self,
        ids: Sequence[str],
        symbols: Sequence[str],
        ts_ns: Sequence[int],
        prices: Sequence[float],
        values: Iterable[Sequence[float]],
        flags: U8,
    ) -> "list[tuple[bytes, str, bytes]]":
        """Value, status and flags (JSON) of each record. NaN becomes null; a null always has its flag.

        `prices`: of the last trade, NaN before the first. `values` and `flags` as in streams.columns.Folded.
        """
        record, values_of, schema = self._record, self._values, self._schema
        encode_into, buffer = self._encode_into, self._buffer
        encoded = []
        width, all_codes = len(self._outputs), flags.tobytes()
        rows = zip(ids, symbols, ts_ns, prices, values, strict=True)
        for i, (id_, symbol, ts, price, numbers) in enumerate(rows):
            codes = all_codes[i * width : (i + 1) * width]
            status, raw, text = self._flags.get(codes) or self._status_and_flags(codes)
            encode_into(record(id_, symbol, ts, schema, status, price, values_of(*numbers), raw), buffer)
            encoded.append((bytes(buffer), status, text))
        return encoded

    def _status_and_flags(self, flags: bytes) -> tuple[str, msgspec.Raw, bytes]:
        """Of a pattern not met before; few occur (values warm up and go stale together), so they are remembered."""
        codes = np.frombuffer(flags, np.uint8)
        named = {name: FLAG_NAMES[code] for name, code in zip(self._outputs, codes, strict=True) if code != READY}
        status, text = FLAG_NAMES[int(_STATUS[codes].max(initial=READY))], msgspec.json.encode(named)
        found = self._flags[flags] = (status, msgspec.Raw(text), text)
        return found
