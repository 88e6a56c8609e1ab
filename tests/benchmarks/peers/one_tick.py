"""Hayate's own kernel, called once per record: what a user of another framework gets who takes the fold and nothing
else. The row of the symbol's state goes in and comes out as bytes, as a framework's store wants it.
"""

from typing import Any

import msgspec
import numpy as np

from streams.columns import TICK, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.layout import LAST_OFFSET, LAST_TS, NEVER
from streams.records import Tick

NAN = float("nan")
SIDES = {None: 0, "buy": 1, "sell": -1}


class OneTick:
    """The fold of a feature set, one tick at a time."""

    def __init__(self, feature_set: str) -> None:
        """Compile or load the kernel."""
        loaded = FeatureSet.load(feature_set)
        self._engine = RealTimeFeatureEngine(loaded)
        self._engine.warm_up()
        self._block = self._engine.new_block()
        self._block.add("X")
        self._rows = np.zeros(1, np.int32)
        self._encoder = FeatureEncoder(loaded.outputs, loaded.version)
        self._decode = msgspec.json.Decoder(Tick).decode
        floats: Any = {
            name: np.full(1, NAN) for name in ("price", "size", "bid", "ask", "bid_size", "ask_size", "clock")
        }
        self._columns = TickColumns(
            offset=np.zeros(1, np.int64),
            ts_ns=np.zeros(1, np.int64),
            side=np.zeros(1, np.int8),
            seq=np.full(1, -1, np.int64),
            kind=np.full(1, TICK, np.int8),
            reference=np.full((1, len(loaded.references)), NAN),
            arrival_ns=np.full(1, -1, np.int64),
            barred=np.zeros(1, np.int8),
            **floats,
        )
        self._columns.clock[0] = 0.0

    def step(self, id_: str, offset: int, value: bytes, row: bytes | None) -> tuple[bytes, bytes]:
        """Feature record and new row of a tick, given the row before it (None for a symbol never seen)."""
        tick = self._decode(value)
        columns, block = self._columns, self._block
        columns.offset[0] = offset
        columns.ts_ns[0] = ts_ns = tick.ts_ns or 0
        columns.size[0] = tick.size
        columns.side[0] = SIDES[tick.side]
        columns.seq[0] = tick.seq if isinstance(tick.seq, int) else -1
        for name in ("price", "bid", "ask", "bid_size", "ask_size"):
            number = getattr(tick, name)
            getattr(columns, name)[0] = NAN if number is None else number
        if row is None:
            block.state[0] = 0.0
            block.places[0, LAST_TS] = NEVER
        else:
            block.state[0] = np.frombuffer(row, np.float64, offset=8)
            block.places[0, LAST_TS] = int.from_bytes(row[:8], "little", signed=True)
        block.places[0, LAST_OFFSET] = -1
        folded = self._engine.fold(block, self._rows, columns)
        [(record, _, _)] = self._encoder.encode(
            [id_], [tick.symbol], [ts_ns], folded.price.tolist(), folded.values.tolist(), folded.flags
        )
        return record, int(block.places[0, LAST_TS]).to_bytes(8, "little", signed=True) + block.state[0].tobytes()
