"""The audit of a partition whose outputs retention has taken in part: nothing is called missing that merely went."""

from aiokafka.structs import TopicPartition

from streams.engine import RealTimeFeatureEngine
from tests.agents.audit.test_auditor import CHANGELOG, FEATURES, auditor, engine, log, rows_at, run
from tests.agents.audit.world import MemoryLog
from tests.streams.audit.log import record

__all__ = ["engine", "log"]
"""The fixtures, which pytest looks for here."""


def trim(log: MemoryLog, tp: TopicPartition, first: int) -> None:
    """Retention: records before that offset are gone."""
    log.begin[tp] = first
    log.records[tp] = [each for each in log.records.get(tp, []) if each.offset >= first]


async def test_features_that_retention_took_are_not_missing(log: MemoryLog) -> None:
    trim(log, FEATURES, 200)
    made, told, metrics = auditor(log)
    assert "everything is as defined" in await run(made)
    assert told.findings == []
    assert metrics.registry.get_sample_value("hayate_audit_records_total") == 400


async def test_without_features_and_rejects_of_the_beginning_it_begins_at_a_row(
    log: MemoryLog, engine: RealTimeFeatureEngine
) -> None:
    """Of what was before nobody knows whether it was rejected."""
    trim(log, FEATURES, 200)
    trim(log, TopicPartition("ticks-rejected", 0), 3)
    none, _, _ = auditor(log)
    assert "2 symbols could not begin" in await run(none)
    rows = [row for upto in (100, 300) for row in rows_at(engine, upto)]
    log.put(CHANGELOG.topic, [record(i, s.encode(), value) for i, (s, value) in enumerate(rows)])
    made, told, _ = auditor(log)
    assert "everything is as defined" in await run(made)
    assert all(200 <= start.source < 300 for start in made.starts.values())
    assert told.findings == []
