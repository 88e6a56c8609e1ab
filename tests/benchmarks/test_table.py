"""The page: what it says of figures, targets, what was left out, a busy machine; and that it is the one in docs/."""

from pathlib import Path

import pytest

from tests.benchmarks import figures, pages, table
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.targets import FAUST, TARGETS, Target

QUIET = {"cores": "2", "load before": "0.2", "processor": "A processor"}


def throughput(peer: float = 1_000.0) -> Case:
    case = Case("throughput-default", "Throughput", "About it.", {"ticks_s": "ticks/s"}, ["ticks_s"], machine=QUIET)
    for ours in (50_000.0, 60_000.0):
        case.add(OURS, ticks_s=ours)
        case.add(FAUST, ticks_s=peer)
    return case


def test_the_page_in_docs_is_what_the_figures_give() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page(figures.load(table.FIGURES)), (
        "run python -m tests.benchmarks.table"
    )


def test_without_figures_the_page_says_so() -> None:
    assert "No figures have been taken yet" in table.page({})


def test_a_row_has_median_range_and_ratio() -> None:
    lines = table.section(throughput())
    assert f"| {OURS} | 55,000 (50,000-60,000) | 1 |" in lines
    assert f"| {FAUST} | 1,000 | 55 (50-60) |" in lines


def test_only_what_is_compared_has_a_ratio() -> None:
    case = Case(
        "latency", "Latency", "", {"p50_ms": "median ms", "cpu": "% of a core"}, compared=["p50_ms"], base="bare"
    )
    case.add("bare", p50_ms=2.0, cpu=20.0)
    case.add(OURS, p50_ms=3.0, cpu=40.0)
    assert "|  | median ms | % of a core | median ms: bare is better by |" in table.section(case)
    assert f"| {OURS} | 3 | 40 | 1.5 |" in table.section(case)


def test_a_table_without_a_base_has_no_ratios() -> None:
    case = Case("start", "Start", "", {"ready_s": "s"}, base="")
    case.add("warm", ready_s=4.0)
    assert "| warm | 4 |" in table.section(case)


@pytest.mark.parametrize(("peer", "verdict"), [(1_000.0, "met"), (2_000.0, "missed")])
def test_targets_are_held_against_the_median_ratio(peer: float, verdict: str) -> None:
    page = table.page({"throughput-default": throughput(peer)})
    (line,) = [line for line in page.splitlines() if "at least 40 times" in line]
    assert line.endswith(f"| {verdict} |")


def test_what_was_not_measured_has_no_target_row() -> None:
    page = table.page({"throughput-default": throughput()})
    assert "Kafka Streams, store cache on |" not in page


def test_what_all_cases_have_in_common_is_said_once() -> None:
    one, other = throughput(), throughput()
    other.name, other.machine = "other", {**QUIET, "load before": "0.4", "Java": "17"}
    page = table.page({"throughput-default": one, "other": other})
    assert "Of all cases below: cores 2, A processor." in page
    assert page.count("A processor") == 1
    assert "load before 0.4, Java 17." in page


def test_left_out_notes_and_a_busy_machine_are_named() -> None:
    case = throughput()
    case.left_out["Kafka Streams"] = "no JDK\non the | PATH"
    case.notes.append("A note.")
    case.machine = {**QUIET, "load before": "1.4"}
    text = "\n".join(table.section(case))
    assert "- Kafka Streams was left out: no JDK on the / PATH" in text
    assert "- A note." in text
    assert "The machine was busy" in text
    assert "The machine was busy" not in "\n".join(table.section(throughput()))


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1.0, "1"), (54.97, "55"), (999.4, "999"), (12_345.0, "12,300")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert table.number(value) == text


def test_limits() -> None:
    at_most = Target("case", OURS, "ms", True, at_most=1.5)
    assert [at_most.met(found) for found in (1.4, 1.5, 1.6)] == [True, True, False]
    assert at_most.found({}) is None


def test_the_range_of_a_slope_may_reach_below_zero() -> None:
    case = throughput()
    for value in (-0.5, -0.2, 0.1):
        case.add("slope", ticks_s=value)
    assert "-0.2 (-0.5 to 0.1)" in "\n".join(table.section(case))


def test_targets_are_unlike_each_other() -> None:
    assert len({target[:4] for target in TARGETS}) == len(TARGETS)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    source, target = tmp_path / "figures.json", tmp_path / "page.md"
    figures.keep(source, throughput())
    table.main([str(source), str(target)])
    assert target.read_text(encoding="utf-8") == table.page(figures.load(source))


def test_all_cases_are_run_and_one_that_fails_spoils_no_other(tmp_path: Path) -> None:
    source, target = tmp_path / "figures.json", tmp_path / "page.md"

    def one(case: str, json: Path) -> bool:
        figures.keep(json, Case(case, case, "", {"s": "s"}, base="", figures={"warm": {"s": [1.0]}}))
        return case != "b"

    assert pages.run(["a", "b", "c"], source, target, one) == ["b"]
    assert [line for line in target.read_text(encoding="utf-8").splitlines() if line.startswith("## ")] == [
        "## a",
        "## b",
        "## c",
    ]


def test_every_case_is_a_command_of_its_own() -> None:
    for case in pages.CASES:
        text = Path(table.__file__).with_name(f"{case}.py").read_text(encoding="utf-8")
        assert '__name__ == "__main__"' in text
        assert f"python -m tests.benchmarks.{case}" in table.HEAD
