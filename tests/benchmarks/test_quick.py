"""The quick form: which ratios it takes, and when it fails."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import quick
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.targets import BARE, FAUST


def cases() -> list[Case]:
    through = Case("throughput-default", "", "", {"ticks_s": "", "cpu_s_million": "", "memory_mib": ""}, ["ticks_s"])
    through.add(OURS, ticks_s=40.0, cpu_s_million=20.0, memory_mib=1.0)
    through.add(FAUST, ticks_s=1.0, cpu_s_million=500.0, memory_mib=1.0)
    late = Case("latency-1000", "", "", {"p50_ms": "", "p99_ms": ""}, base=BARE)
    late.add(BARE, p50_ms=1.0, p99_ms=1.0)
    late.add("Hayate, to feature", p50_ms=2.5, p99_ms=9.0)
    return [through, late]


def test_every_ratio_says_how_much_better_hayate_is() -> None:
    assert quick.ratios_of(cases()) == {
        "throughput-default, plain Faust, ticks_s": 40.0,
        "throughput-default, plain Faust, cpu_s_million": 25.0,
        "latency-1000, Hayate, to feature, p50_ms": 0.4,
    }


@pytest.mark.parametrize(("found", "low"), [(3.0, False), (2.01, False), (1.99, True), (9.0, False)])
def test_a_fall_by_more_than_a_third_fails(found: float, low: bool) -> None:
    assert bool(quick.fallen({"a": found}, {"a": 3.0})) is low


def test_a_ratio_that_is_missing_fails_and_a_new_one_does_not() -> None:
    (fallen,) = quick.fallen({"new": 1.0}, {"old": 2.0})
    assert str(fallen) == "old: not measured; 2.00 was recorded"


def test_what_fell_is_named_with_both_numbers() -> None:
    (fallen,) = quick.fallen({"a": 1.0}, {"a": 4.0})
    assert str(fallen) == "a: 1.00, 75% below the recorded 4.00"


def test_record_then_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recorded.json"
    assert quick.verdict({"a": 4.0}, path, record=False) == 0
    assert "nothing is recorded" in capsys.readouterr().out
    assert quick.verdict({"a": 4.00049}, path, record=True) == 0
    assert json.loads(path.read_text()) == {"a": 4.0}
    assert quick.verdict({"a": 3.0}, path, record=False) == 0
    assert quick.verdict({"a": 2.0}, path, record=False) == 1
    said = capsys.readouterr()
    assert "FALLEN a: 2.00, 50% below the recorded 4.00" in said.err
    assert "a: 2.00 (recorded 4.00)" in said.out


@pytest.mark.parametrize(
    ("runs", "status", "measured"),
    [([4.0], 0, 1), ([1.0, 4.0], 0, 2), ([1.0, 2.0, 3.5], 0, 3), ([1.0, 2.0, 1.5, 1.0, 2.5], 1, 5)],
)
def test_what_is_disturbed_once_is_measured_again(
    tmp_path: Path, runs: list[float], status: int, measured: int
) -> None:
    path = tmp_path / "recorded.json"
    path.write_text('{"a": 4.0, "b": 1.0}')
    given = iter(runs)
    assert quick.verdict_of(lambda: {"a": next(given), "b": 1.0}, path, record=False) == status
    assert len(runs) - len(list(given)) == measured
