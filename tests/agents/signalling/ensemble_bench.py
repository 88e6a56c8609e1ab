"""An ensemble job with a table in memory, and feature records of a made-up market to feed it."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from agents.decision.emission import Emission
from agents.decision.ensemble import EnsembleSystem, rules_for
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.ladder import Ladder
from agents.decision.outcomes import Outcomes
from agents.ensemble import EnsembleJob, EnsembleTopics
from agents.metrics import Metrics
from agents.signalling.deciding import Deciding
from agents.signalling.memory import EnsembleMemory
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.kafka.outlet import Record
from tests.agents.fake_kafka import record
from tests.agents.fake_models import FakeModels
from tests.models import SMALL, market

RULES = EnsembleSystem(SMALL.outputs, members=rules_for(SMALL.outputs))
START_NS = 1_700_000_000_000_000_000
STEP_NS = 250_000_000


class FakeTable:
    """Rows of one partition (tables.indicator_state.IndicatorStateTable, as far as a lane sees it)."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    def partition_rows(self, partition: int, producer: Any) -> "FakeTable":
        """Of partition 0."""
        assert partition == 0
        assert producer() is None
        return self

    def get(self, symbol: str) -> bytes | None:
        """A row."""
        return self.rows.get(symbol)

    def write(self, rows: dict[str, bytes]) -> dict[str, bytes]:
        """A checkpoint's rows, as they are to be written."""
        return rows

    async def close(self) -> None:
        """Nothing is on its way."""


class FakeJudge:
    """Remembers."""

    def __init__(self) -> None:
        self.heard: list[Outcomes] = []

    def matured(self, outcomes: Outcomes) -> None:
        """Hear."""
        self.heard.append(outcomes)

    def labels(self, model: str) -> list[tuple[str, int, float, int, float]]:
        """Symbol, time, return, label and P(up) of a model's outcomes, in order."""
        return [
            row
            for each in self.heard
            if each.model == model
            for row in zip(
                each.symbols,
                each.ts_ns.tolist(),
                each.return_bps.tolist(),
                each.label.tolist(),
                each.probability_up.tolist(),
                strict=True,
            )
        ]


class Bench:
    """A job with everything around it."""

    def __init__(
        self,
        models: FakeModels,
        *,
        feature_set: FeatureSet = SMALL,
        table: FakeTable | None = None,
        emission: Emission | None = None,
        dynamic: bool = False,
        deadline_s: float = 20.0,
        evict_after_s: float = 0.0,
    ) -> None:
        self.judge = FakeJudge()
        self.now = 0.0
        outputs = feature_set.outputs
        rules = EnsembleSystem(outputs, members=rules_for(outputs))
        self.ladder = Ladder(rules, models, deadline_s=deadline_s)
        memory = EnsembleMemory(
            emission or Emission(),
            table,  # type: ignore[arg-type]  # as far as it is used
            lambda: None,
            evict_after_s=evict_after_s,
            clock=lambda: self.now,
        )
        self.deciding = Deciding(rules, models, self.ladder, memory, outputs, dynamic=dynamic, judge=self.judge)
        self.job = EnsembleJob(
            EnsembleTopics("features", "signals", "features-rejected", "signals-shadow"),
            self.deciding,
            memory,
            FeatureRecordDecoder(outputs, feature_set.version),
            Metrics(CollectorRegistry()),
        )
        self.job.open(0, None)
        self.emitted: list[tuple[str, int, bytes]] = []

    def emit(self, stream: str, source: int, output: Record, note: Any = None) -> bool:  # noqa: ARG002 - as Lane.emit
        """The lane's."""
        assert output.value is not None
        self.emitted.append((stream, source, output.value))
        return True

    def feed(self, records: Sequence[ConsumerRecord], size: int = 1_000) -> list[dict[str, Any]]:
        """Process in batches of `size`; the signals that came of it."""
        begin = len(self.emitted)
        for first in range(0, len(records), size):
            self.job.process(self, records[first : first + size])  # type: ignore[arg-type]  # `emit` is all it uses
        return [json.loads(value) for stream, _, value in self.emitted[begin:] if stream == "signals"]

    def of(self, stream: str) -> list[tuple[int, bytes]]:
        """Everything emitted into a stream."""
        return [(source, value) for name, source, value in self.emitted if name == stream]


@cache
def features(count: int = 600, symbols: str = "ABC") -> list[ConsumerRecord]:
    """Feature records of some symbols in turn, four a second each, as the features agent writes them."""
    values, price = market(SMALL, rows=count)
    ids = [f"ticks-0-{i}" for i in range(count)]
    names = [symbols[i % len(symbols)] for i in range(count)]
    times = [START_NS + i // len(symbols) * STEP_NS for i in range(count)]
    flags = np.zeros(values.shape, np.uint8)
    encoded = FeatureEncoder(SMALL.outputs, SMALL.version).encode(
        ids, names, times, price.tolist(), values.tolist(), flags
    )
    return [
        record("features", 0, i, (names[i].encode(), value, [("src", b"%d" % i)]))
        for i, (value, _, _) in enumerate(encoded)
    ]
