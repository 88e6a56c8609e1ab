"""Alerts among the outputs of the ensemble agent."""

from typing import Any

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from agents.alerting.kinds import AlertLimits
from agents.alerting.watch import AlertWatch
from agents.decision.emission import Emission
from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.ladder import Ladder
from agents.decision.models import NoModels
from agents.ensemble import EnsembleJob, EnsembleTopics
from agents.judging.judge import Judge
from agents.metrics import Metrics
from agents.signalling.deciding import Deciding
from agents.signalling.memory import EnsembleMemory
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.kafka.outlet import Record
from streams.records import Alert
from tests.agents.fake_kafka import record

SET = FeatureSet.load("classics")
SECOND = 1_000_000_000
LIMITS = AlertLimits(stale_s=60.0)


class FakeLane:
    """Takes what is emitted."""

    def __init__(self) -> None:
        self.emitted: list[tuple[str, int, Record, Any, str | None]] = []

    def emit(self, stream: str, source: int, output: Record, note: Any = None, part: str | None = None) -> bool:
        """As Lane.emit."""
        self.emitted.append((stream, source, output, note, part))
        return True


def test_an_alert_goes_out_with_its_record_s_key_offset_and_part_and_outcomes_are_judged() -> None:
    metrics, lane, models = Metrics(CollectorRegistry()), FakeLane(), NoModels()
    rules = EnsembleSystem(SET.outputs)
    judge = Judge(models, SET.outputs, LIMITS)
    metrics.quality.watch(judge)
    memory = EnsembleMemory(Emission(), None, lambda: None)
    job = EnsembleJob(
        EnsembleTopics("features", "signals", "features-rejected", "signals-shadow", "alerts"),
        Deciding(rules, models, Ladder(rules, models, deadline_s=1.0), memory, SET.outputs, judge=judge),
        memory,
        FeatureRecordDecoder(SET.outputs, SET.version),
        metrics,
        alerts=AlertWatch(LIMITS, SET.outputs, models, judge),
    )
    job.open(0, None)
    assert job.streams[-1] == "alerts"
    n = 200
    times = 1_700_000_000 * SECOND + np.arange(n) * 20 * SECOND
    times[150:] += 100 * SECOND
    prices = 100.0 + np.sin(np.arange(n) / 5.0)
    columns = {"price": prices, "size": np.ones(n), "bid": np.full(n, np.nan), "ask": np.full(n, np.nan)}
    folded = RealTimeFeatureEngine(SET).run(columns, symbols=["ES"] * n, ts_ns=times)
    ids = [f"ticks-0-{i}" for i in range(n)]
    values = FeatureEncoder(SET.outputs, SET.version).encode(
        ids, ["ES"] * n, times.tolist(), folded.price.tolist(), folded.values.tolist(), folded.flags
    )
    job.process(lane, [record("features", 0, i, (b"ES", value, [])) for i, (value, _, _) in enumerate(values)])  # type: ignore[arg-type]
    ((stream, source, output, note, part),) = [one for one in lane.emitted if one[0] == "alerts"]
    alert = msgspec.json.decode(output.value or b"", type=Alert)
    assert (source, output.key, note, part) == (150, b"ES", "stale-feed", "stale-feed")
    assert (alert.id, alert.symbol, alert.ts_ns) == ("ticks-0-150|stale-feed", "ES", times[150])
    job.acknowledged(stream, [note])
    assert metrics.registry.get_sample_value("hayate_alerts_total", {"kind": "stale-feed"}) == 1
    assert judge.quality(rules.model).n > 0
