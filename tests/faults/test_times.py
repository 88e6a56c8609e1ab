"""Silences and availability, read off made-up logs."""

import json
from collections import Counter
from pathlib import Path

import pytest

from streams.records import SOURCE
from tests.faults.checker import Findings, Violation
from tests.faults.evidence import Entry
from tests.faults.report import Report
from tests.faults.times import Fault, Flow, Silence


def flow(pairs: list[tuple[int, int, int]]) -> Flow:
    """Of (partition, tick appended, feature appended)."""
    ticks = [Entry(p, i, b"S", b"", (), tick_ms) for i, (p, tick_ms, _) in enumerate(pairs)]
    features = [Entry(p, i, b"S", b"", [(SOURCE, b"%d" % i)], ms) for i, (p, _, ms) in enumerate(pairs)]
    return Flow(ticks, features)


def test_a_silence_is_the_longest_wait_after_the_fault() -> None:
    """The slowest partition of each group counts, and a feature that was on its way does not."""
    pairs = [(0, 900, 1_010), (0, 1_100, 5_000), (0, 1_200, 5_001), (1, 1_050, 1_060), (2, 1_001, 3_000)]
    fault = Fault("kill", 1_000, frozenset({0}))
    assert flow(pairs).silences([fault]) == [Silence("kill", 3_900, 1_999)]


def test_a_rebalance_that_comes_later_counts() -> None:
    """The others go on at first, and stand still when the group has noticed; the next fault has its own."""
    pairs = [(0, 1_000, 9_000), (1, 1_000, 1_010), (1, 8_000, 10_500), (1, 19_999, 24_000), (1, 20_000, 24_000)]
    faults = [Fault("kill", 1_000, frozenset({0})), Fault("term", 20_000, frozenset({1}))]
    assert flow(pairs).silences(faults) == [Silence("kill", 8_000, 2_500), Silence("term", 4_000, None)]


def test_after_an_outage_of_the_broker_the_first_feature_ends_the_silence() -> None:
    """Ticks from before it may be the first that get theirs, and what waits is not silence."""
    pairs = [(0, 900, 1_200), (0, 1_900, 2_500)]
    assert flow(pairs).silences([Fault("broker", 1_000, answered=True)]) == [Silence("broker", None, 200)]


def test_of_no_faults_there_are_no_silences() -> None:
    assert flow([(0, 1_000, 1_100)]).silences([]) == []


def test_a_copy_does_not_make_a_feature_late() -> None:
    """The first one is what a reader gets."""
    ticks = [Entry(0, 5, b"S", b"", (), 1_000)]
    features = [Entry(0, at, b"S", b"", [(SOURCE, b"5")], ms) for at, ms in ((0, 1_010), (1, 9_000))]
    assert Flow(ticks, features).pairs == [(0, 1_000, 1_010)]


def test_availability_counts_seconds_and_partitions() -> None:
    """One late tick spoils its second in its partition, and its second as a whole."""
    service = flow([(0, 1_000, 1_100), (0, 1_500, 2_501), (1, 1_000, 2_000), (1, 2_000, 2_001)]).service()
    assert (service.cells, service.late_cells, service.windows, service.late_windows) == (3, 1, 2, 1)
    assert service.availability == pytest.approx(2 / 3)
    assert service.undisturbed == 1 / 2
    assert flow([]).service().availability == flow([]).service().undisturbed == 1.0


def test_report(tmp_path: Path) -> None:
    """Sums up runs, as a table and as JSON."""
    report = Report(7)
    assert report.error_rate == 0.0
    run = flow([(0, 1_000, 1_100), (0, 2_000, 5_000)])
    found = Findings(100, [Violation("copies", "x")], Counter({"feature": 2}))
    for own, others in ((1_000, 100), (3_000, None), (2_000, 200)):
        report.add(found, run, [Silence("kill", own, others)], Counter(kill=1))
    assert report.error_rate == 3 / 300
    assert report.availability == 0.5
    [row] = report.table()
    assert row == {
        "fault": "kill",
        "times": 3,
        "own median s": 2.0,
        "own longest s": 3.0,
        "others median s": 0.2,
        "others longest s": 0.2,
    }
    text = "\n".join(report.lines())
    assert "3 kill" in text
    assert "50.00%" in text
    report.write(tmp_path / "a" / "report.json")
    kept = json.loads((tmp_path / "a" / "report.json").read_text())
    assert kept["seed"] == 7
    assert kept["silences"] == [row]
    assert kept["copies"] == {"feature": 6}
