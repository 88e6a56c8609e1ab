"""Figures of a report by their definitions, and its words by what the figures say."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score  # type: ignore[import-untyped]

from agents.training.evaluation import Evaluated, evaluate, with_leaks
from agents.training.figures import LeakFinding, Report
from agents.training.intervals import Estimate
from agents.training.verdict import judge
from tests.agents.training.judged_market import HORIZON, SECOND_NS, answers, baselines

AHEAD = Estimate(0.01, -0.01, 0.03, 6_000)


def report_of(evaluated: Evaluated, **options: object) -> Report:
    return evaluate(evaluated, baselines=baselines(evaluated), threshold=0.8, replicates=200, **options)  # type: ignore[arg-type]


def test_figures_are_those_of_the_field() -> None:
    e = answers()
    found = report_of(e).ensemble.figures
    chosen, moved = e.classes.argmax(axis=1), e.label != 0
    assert found["accuracy"].value == pytest.approx(np.mean(chosen == e.index))
    assert found["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(e.index, chosen))
    assert found["log_loss"].value == pytest.approx(log_loss(e.index, e.classes), rel=1e-6)
    assert found["auc"].value == pytest.approx(roc_auc_score(e.label[moved] > 0, e.probability_up[moved]), abs=0.002)
    came = np.eye(3)[e.index]
    assert found["brier"].value == pytest.approx(np.mean(((e.classes - came) ** 2).sum(axis=1)))
    bins = np.minimum((e.probability_up[moved] * 10).astype(int), 9)
    apart = [
        abs(e.probability_up[moved][bins == at].mean() - (e.label[moved][bins == at] > 0).mean()) * np.mean(bins == at)
        for at in range(10)
        if (bins == at).any()
    ]
    assert found["ece"].value == pytest.approx(sum(apart))


def test_the_tier_counts_flat_as_wrong_and_pays_the_spread() -> None:
    e = replace(answers(), spread_bps=np.full(6_000, 0.25))
    tier = report_of(e, cost_bps=0.5).tier
    calls = np.where(e.classes[:, 2] >= e.classes[:, 0], 1, -1)
    assert tier.precision.value == pytest.approx(np.mean(calls[e.high] == e.label[e.high]))
    assert tier.coverage.value == pytest.approx(e.high.mean())
    edge = np.mean((calls * e.return_bps)[e.high])
    assert tier.edge_bps.value == pytest.approx(edge)
    assert tier.net_edge_bps.value == pytest.approx(edge - 0.75)
    assert tier.spread_known


def test_members_and_baselines_are_compared_on_the_same_rows() -> None:
    e = answers()
    missing = e.members["sure"].copy()
    missing[:1_000] = np.nan
    report = report_of(replace(e, members={"part": missing, "silent": np.full((6_000, 3), np.nan), **e.members}))
    by_name = {one.name: one for one in report.members}
    assert by_name["part"].figures["accuracy"].n == 5_000
    assert by_name["part"].less["accuracy"].value == pytest.approx(0.0)
    assert by_name["silent"].figures["accuracy"].value is None
    assert by_name["idle"].figures["auc"].value == 0.5  # of one score for all
    assert by_name["idle"].less["log_loss"].high is not None
    assert by_name["idle"].less["log_loss"].high < 0.0
    for baseline in report.baselines:
        own, mine = baseline.figures["accuracy"].value, report.ensemble.figures["accuracy"].value
        assert own is not None
        assert mine is not None
        assert baseline.less["accuracy"].value == pytest.approx(mine - own)


def test_groups_hold_every_row_once() -> None:
    report = report_of(answers(symbols=("A", "B", "C")))
    assert [group.key for group in report.by_symbol] == ["A", "B", "C"]
    assert [group.key for group in report.by_day] == ["2024-08-08", "2024-08-09"]
    for groups in (report.by_symbol, report.by_day):
        assert sum(group.n for group in groups) == report.rows
        right = sum((group.accuracy.value or 0.0) * group.n for group in groups)
        assert right / report.rows == pytest.approx(report.ensemble.figures["accuracy"].value)


def test_the_widest_coverage_at_the_target_is_found() -> None:
    e = answers()
    report = report_of(e, target_precision=0.9)
    assert report.reached is not None
    right, score = e.calls == e.index, e.score
    assert report.reached.precision.value == pytest.approx(np.mean(right[score >= report.reached.threshold]))
    assert (report.reached.precision.value or 0.0) >= 0.9
    for wider in np.unique(score[score < report.reached.threshold]):
        assert np.mean(right[score >= wider]) < 0.9


def test_a_signal_is_called_better_and_its_leaks_are_asked_for() -> None:
    report = report_of(answers())
    assert report.verdict == "better"
    assert report.better
    assert report.words[0].startswith("Better than every baseline by more than the interval: right in ")
    assert "Leaks were not looked for." in report.words
    assert any(words.startswith("Its probabilities know more than those of ") for words in report.words)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_is_called_no_better_first(seed: int) -> None:
    report = report_of(answers(signal=0.0, seed=seed))
    assert report.verdict == "no better"
    assert not report.better
    assert report.words[0].startswith(("No better than the baselines within the interval", "Worse than the best"))
    assert any(words.startswith("No threshold reaches 93.0% on the test part: at best ") for words in report.words)


def test_ahead_within_the_interval_of_any_baseline_is_no_better() -> None:
    report = report_of(answers())
    near = msgspec.structs.replace(report.baselines[-1], less=report.baselines[-1].less | {"accuracy": AHEAD})
    found = judge(msgspec.structs.replace(report, baselines=(*report.baselines[:-1], near), best_baseline=near.name))
    assert found.verdict == "no better"
    assert found.words[0].startswith("No better than the baselines within the interval: right in ")
    assert "the difference is 1.0 points [-1.0, 3.0]." in found.words[0]


def test_few_rows_are_called_few_whatever_they_say() -> None:
    report = report_of(answers(n=150))
    assert report.verdict == "too few"
    assert report.words[0].startswith("Too few rows to judge: 150, over a time that the horizon fits into ")
    many_at_once = answers(n=4_000)
    crowded = replace(many_at_once, ts_ns=many_at_once.ts_ns[0] + np.arange(4_000) * 1_000_000)
    assert report_of(crowded).verdict == "too few"


def test_a_leak_comes_before_everything() -> None:
    found = with_leaks(
        report_of(answers()), [LeakFinding("future ticks", False, "changes"), LeakFinding("x", True, "")]
    )
    assert found.verdict == "leak"
    assert found.words[0] == "A leak was found: the figures below are not to be believed until it is closed."
    assert found.words[-1] == "Leak checks failed: future ticks."
    clean = with_leaks(found, [LeakFinding("future ticks", True, ""), LeakFinding("features from the past", None, "")])
    assert clean.verdict == "better"
    assert clean.words[-1].endswith("2 ways and none was found; what could not be told: features from the past.")
    assert with_leaks(found, [LeakFinding("x", True, "")]).words[-1].endswith("1 ways and none was found.")


def test_looking_twice_is_told() -> None:
    assert report_of(answers(), looks=3).words[-1].startswith("This test part has been looked at 3 times: ")


@pytest.mark.parametrize(
    ("target", "said"),
    [(0.30, "holds its target of 30.0%"), (0.999, "missed its target of 99.9%")],
)
def test_the_tier_is_told_against_its_target(target: float, said: str) -> None:
    words = report_of(answers(), target_precision=target).words
    assert any(one.startswith(f"The high tier, chosen beforehand, {said}: it was right in ") for one in words)


def test_a_tier_near_its_target_is_told_with_its_interval() -> None:
    precision = report_of(answers()).tier.precision
    assert precision.value is not None
    above = report_of(answers(), target_precision=precision.value - 0.001).words
    below = report_of(answers(), target_precision=precision.value + 0.001).words
    assert any("but the interval goes below" in one for one in above)
    assert any("which the interval still holds" in one for one in below)


def test_no_tier_and_an_empty_tier_are_told() -> None:
    e = replace(answers(), high=np.zeros(6_000, np.bool_))
    none = evaluate(e, baselines=baselines(e), threshold=None, replicates=50)
    assert "There is no high tier: no threshold reached 93.0% on the data that it was to be chosen on." in none.words
    assert "The high tier called no row of the test part." in report_of(e).words


def test_a_call_that_does_not_pay_is_told() -> None:
    e = answers()
    dear = report_of(replace(e, spread_bps=np.full(len(e), 1_000.0)))
    assert any("being right is not a profit here" in one for one in dear.words)
    cheap = report_of(e, cost_bps=0.01)
    assert any("less 0.01 bps of cost; latency is not in this." in one for one in cheap.words)
    narrow = report_of(replace(e, spread_bps=np.full(len(e), 0.01)))
    assert any("less the spread; fees and latency are not in this." in one for one in narrow.words)
    assert any("spread, fees and latency are not in this" in one for one in report_of(e).words)


def test_a_volatility_regime_has_neither_direction_nor_edge() -> None:
    e = answers()
    e = replace(e, label=e.index.astype(np.int8), class_names=("low", "middle", "high"))
    report = report_of(e)
    assert "auc" not in report.ensemble.figures
    assert {one.name for one in report.baselines} == {"majority", "random walk"}
    assert report.tier.edge_bps.value is None
    assert report.ensemble.figures["ece"].n == len(e)


def test_one_score_for_all_is_told_as_what_it_is() -> None:
    e = answers(signal=0.0)
    flat = np.tile([0.4, 0.2, 0.4], (len(e), 1))
    report = report_of(replace(e, classes=flat, probability_up=np.full(len(e), 0.5), high=np.zeros(len(e), np.bool_)))
    assert len(report.curve) == 1
    assert any("share one score, which no threshold can part" in one for one in report.words)


def test_a_report_is_json_and_the_same_twice() -> None:
    e = answers(n=1_000)
    raw = msgspec.json.encode(report_of(e))
    assert raw == msgspec.json.encode(report_of(e))
    again = msgspec.json.decode(raw, type=Report)
    assert again == report_of(e)
    assert again.metrics()["accuracy"]["value"] == again.ensemble.figures["accuracy"].value
    assert set(again.metrics()["accuracy_over_baseline"]) == {"value", "low", "high"}


def test_without_rows_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="no row"):
        report_of(answers(n=0))


def test_the_horizon_of_the_test_market_is_what_it_says() -> None:
    assert answers(n=10).horizon_ns == HORIZON * SECOND_NS
