"""The words of a report, made of its figures alone: what a person should take away, the most important first."""

from typing import Final

import msgspec

from agents.training.figures import Report, Verdict
from agents.training.intervals import Estimate

FEW_ROWS: Final = 200
FEW_HORIZONS: Final = 20
"""Fewer rows, or a time that the horizon fits into fewer times, are no evidence of anything."""
COARSE: Final = 0.1


def judge(report: Report) -> Report:
    """The report with its verdict and words."""
    verdict = _verdict(report)
    words = [
        _against_baselines(report, verdict),
        *_losses(report),
        *_tier(report),
        _curve(report),
        *_calibration(report),
    ]
    words += _leaks(report, verdict)
    if verdict == "leak":
        words.insert(0, "A leak was found: the figures below are not to be believed until it is closed.")
    if report.looks > 1:
        words.append(
            f"This test part has been looked at {report.looks} times: choices may have been made on it, and the "
            "figures may flatter."
        )
    return msgspec.structs.replace(report, verdict=verdict, words=tuple(words))


def _verdict(report: Report) -> Verdict:
    if any(finding.passed is False for finding in report.leaks):
        return "leak"
    if report.rows < FEW_ROWS or report.horizons < FEW_HORIZONS:
        return "too few"
    ahead = [(one.less["accuracy"].low or 0.0) > 0.0 for one in report.baselines]
    return "better" if all(ahead) else "no better"


def _against_baselines(report: Report, verdict: Verdict) -> str:
    best = next(one for one in report.baselines if one.name == report.best_baseline)
    accuracy, less = report.ensemble.figures["accuracy"], best.less["accuracy"]
    compared = (
        f"right in {percent(accuracy)} of {report.rows:,} rows, the best baseline ({best.name}) in "
        f"{_share(best.figures['accuracy'].value)}; the difference is {points(less)}"
    )
    if verdict == "too few":
        return (
            f"Too few rows to judge: {report.rows:,}, over a time that the horizon fits into {report.horizons:,} "
            f"times; at least {FEW_ROWS} and {FEW_HORIZONS} are needed. It was {compared}."
        )
    if all((one.less["accuracy"].low or 0.0) > 0.0 for one in report.baselines):
        return f"Better than every baseline by more than the interval: {compared}."
    if less.high is not None and less.high < 0.0:
        return f"Worse than the best baseline by more than the interval: {compared}."
    return f"No better than the baselines within the interval: {compared}."


def _losses(report: Report) -> list[str]:
    """Where probabilities know more, or less, than the calls that are made of them."""
    best = min(report.baselines, key=lambda one: one.figures["log_loss"].value or 0.0)
    loss = best.less["log_loss"]
    if loss.value is None or loss.low is None or loss.high is None:
        return []
    if loss.high < 0.0:
        return [
            f"Its probabilities know more than those of {best.name}: log loss is lower by {-loss.value:.3g} per row."
        ]
    if loss.low > 0.0:
        return [
            f"Its probabilities know less than those of {best.name}: log loss is higher by {loss.value:.3g} per row."
        ]
    return [f"Its probabilities know no more than those of {best.name}, within the interval of the log loss."]


def _tier(report: Report) -> list[str]:
    tier = report.tier
    target, coverage = _share(tier.target), _share(tier.coverage.value)
    if tier.threshold is None:
        return [f"There is no high tier: no threshold reached {target} on the data that it was to be chosen on."]
    if tier.precision.value is None:
        return ["The high tier called no row of the test part."]
    low, high = tier.precision.low or 0.0, tier.precision.high or 1.0
    if low >= tier.target:
        said = f"holds its target of {target}"
    elif tier.precision.value >= tier.target:
        said = f"reached its target of {target}, but the interval goes below"
    elif high >= tier.target:
        said = f"fell short of {target}, which the interval still holds"
    else:
        said = f"missed its target of {target}"
    told = f"was right in {percent(tier.precision)} of {tier.precision.n:,} calls, which cover {coverage} of the rows"
    return [f"The high tier, chosen beforehand, {said}: it {told}.", *_edge(report)]


def _edge(report: Report) -> list[str]:
    edge, net = report.tier.edge_bps, report.tier.net_edge_bps
    if edge.value is None:
        return []
    told = f"A call of the tier went {bps(edge)} its way over the horizon, before costs"
    costs = [*(["the spread"] if report.tier.spread_known else [])]
    costs += [f"{report.tier.cost_bps:g} bps of cost"] if report.tier.cost_bps else []
    if not costs or net.value is None:
        return [f"{told}; spread, fees and latency are not in this."]
    if net.low is not None and net.low > 0.0:
        absent = "latency is" if report.tier.cost_bps else "fees and latency are"
        return [f"{told}, and {bps(net)} less {' and '.join(costs)}; {absent} not in this."]
    return [f"{told}, but {bps(net)} less {' and '.join(costs)}: being right is not a profit here."]


def _curve(report: Report) -> str:
    target, at = _share(report.tier.target), report.reached
    if at is not None:
        return (
            f"Read off the test part afterwards: {target} is reached up to a coverage of {_share(at.coverage)} "
            f"({percent(at.precision)} of {at.calls:,} calls)."
        )
    if not report.curve:
        return f"Too few rows for a curve of precision against coverage; whether it reaches {target} is not known."
    best = max(report.curve, key=lambda point: point.precision.value or 0.0)
    if best.coverage > 2 * report.curve[0].coverage:
        why = "the surest answers are no surer than those after them"
    elif report.curve[0].coverage > COARSE:
        why = "many of the surest answers share one score, which no threshold can part"
    else:
        why = "the inputs do not tell more"
    return (
        f"No threshold reaches {target} on the test part: at best {percent(best.precision)} of {best.calls:,} calls, "
        f"at a coverage of {_share(best.coverage)}; {why}."
    )


def _calibration(report: Report) -> list[str]:
    error = report.ensemble.figures.get("ece")
    if error is None or error.value is None:
        return []
    return [f"What it says and what comes are {points(error)} apart on average (calibration error)."]


def _leaks(report: Report, verdict: Verdict) -> list[str]:
    if not report.leaks:
        return ["Leaks were not looked for."] if verdict == "better" else []
    failed = [finding.check for finding in report.leaks if finding.passed is False]
    open_ = [finding.check for finding in report.leaks if finding.passed is None]
    if failed:
        return [f"Leak checks failed: {', '.join(failed)}."]
    told = f"Leaks were looked for in {len(report.leaks)} ways and none was found"
    return [f"{told}; what could not be told: {', '.join(open_)}." if open_ else f"{told}."]


def percent(share: Estimate) -> str:
    """`51.2% [49.8%, 52.6%]`."""
    return _share(share.value) + ("" if share.low is None else f" [{_share(share.low)}, {_share(share.high)}]")


def points(difference: Estimate) -> str:
    """`0.8 points [-0.1, 1.7]`, of percent."""
    return f"{_scaled(difference, 100.0, '{:.1f}')[0]} points{_scaled(difference, 100.0, '{:.1f}')[1]}"


def bps(edge: Estimate) -> str:
    """`0.31 bps [0.12, 0.50]`."""
    return f"{_scaled(edge, 1.0, '{:.2f}')[0]} bps{_scaled(edge, 1.0, '{:.2f}')[1]}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _scaled(figure: Estimate, by: float, form: str) -> tuple[str, str]:
    if figure.value is None:
        return "none", ""
    if figure.low is None or figure.high is None:
        return form.format(figure.value * by), ""
    return form.format(figure.value * by), f" [{form.format(figure.low * by)}, {form.format(figure.high * by)}]"
