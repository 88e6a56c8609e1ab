"""Writes what is to be thought of a version: `report.json`, and `report.html`, one page that fetches nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from agents.training.figures import Judged, Report
from agents.training.intervals import Estimate
from agents.training.plots import (
    coverage_plot,
    days_plot,
    importances_plot,
    members_plot,
    reliability_plot,
    symbols_plot,
)
from tables.models.manifest import ModelManifest

PAGE: Final = Path(__file__).with_name("report_page.html")
COLUMNS: Final = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier",
    "log_loss": "log loss",
    "auc": "AUC, up against down",
    "ece": "calibration error",
}
SHARES: Final = ("accuracy", "balanced_accuracy", "ece")
NS_PER_S: Final = 10**9


def write_report(folder: Path, manifest: ModelManifest, report: Report) -> None:
    """Write `report.json` and `report.html` into `folder`, which exists.

    Raises:
        ConfigError: the extra `train` is missing.
    """
    page = report_page(manifest, report)
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    (folder / "report.html").write_text(page, encoding="utf-8")


def report_page(manifest: ModelManifest, report: Report) -> str:
    """The page as HTML.

    Raises:
        ConfigError: the extra `train` is missing.
    """
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{manifest.model}: report"),
        model=escape(f"{manifest.model}, {_label(manifest)}"),
        first=escape(report.words[0]),
        verdict=escape(f"{report.verdict} than the baselines" if "better" in report.verdict else report.verdict),
        verdict_class=escape(report.verdict.replace(" ", "-")),
        words="\n".join(f"<li>{escape(words)}</li>" for words in report.words[1:]),
        figures=_figures(report),
        plots="\n".join(_plots(report)),
        tier=_tier(report),
        leaks=_leaks(report),
        facts=_facts(manifest, report),
        blocks=f"{report.blocks:,}",
        block=escape(_duration(report.block_ns)),
        horizon=escape(_duration(report.horizon_ns)),
    )


def _plots(report: Report) -> list[str]:
    found = []
    if report.reliability:
        said = (
            "Rows by the probability that was said, and how often it came so. On the line it can be taken at its word."
        )
        found.append(_card("Reliability", said, reliability_plot(report)))
    if report.curve:
        said = "How often calls are right when only the surest are made. The shade is the interval."
        found.append(_card("Accuracy against coverage", said, coverage_plot(report)))
    said = "Share of rows whose likeliest class came; baselines in the second colour."
    found.append(_card("Members and baselines", said, members_plot(report)))
    if report.importances:
        said = "On a sample of the test part. Inputs that are near twins are shuffled together."
        found.append(_card("Importance of inputs", said, importances_plot(report)))
    found.append(_card("By symbol", _shown(len(report.by_symbol), "symbols"), symbols_plot(report)))
    found.append(_card("By day (UTC)", _shown(len(report.by_day), "days"), days_plot(report)))
    return found


def _shown(count: int, what: str) -> str:
    return f"{count:,} {what if count > 1 else what[:-1]}."


def _card(title: str, said: str, svg: str) -> str:
    return (
        f'<section role="img" aria-label="{escape(title)}"><h2>{escape(title)}</h2><p>{escape(said)}</p>{svg}</section>'
    )


def _figures(report: Report) -> str:
    rows = [_judged(one) for one in (report.ensemble, *report.members, *report.baselines)]
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("", *COLUMNS.values()))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _judged(one: Judged) -> str:
    cells = [_cell(one.figures[name], share=name in SHARES) if name in one.figures else "<td></td>" for name in COLUMNS]
    return f"<tr><th>{escape(one.name)}</th>{''.join(cells)}</tr>"


def _cell(figure: Estimate, *, share: bool, unit: str = "") -> str:
    if figure.value is None:
        return "<td>none</td>"
    form = "{:.1%}" if share else "{:.3f}"
    around = "" if figure.low is None or figure.high is None else f"{form} to {form}".format(figure.low, figure.high)
    independent = "" if figure.effective_n is None else f" as {figure.effective_n:,.0f}"
    return (
        f"<td>{form.format(figure.value)}{unit}<small>{around}</small><small>[{figure.n:,}{independent}]</small></td>"
    )


def _tier(report: Report) -> str:
    tier = report.tier
    costs = [*(["the spread"] if tier.spread_known else []), *([f"{tier.cost_bps:g} bps"] if tier.cost_bps else [])]
    heads = ["target", "least score", "precision", "coverage", "return of a call"]
    threshold = "none reached the target" if tier.threshold is None else f"{tier.threshold:.4f}"
    cells = [
        f"<td>{tier.target:.1%}</td><td>{threshold}</td>",
        _cell(tier.precision, share=True),
        _cell(tier.coverage, share=True),
        _cell(tier.edge_bps, share=False, unit=" bps"),
    ]
    if costs:
        heads.append(f"less {' and '.join(costs)}")
        cells.append(_cell(tier.net_edge_bps, share=False, unit=" bps"))
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{''.join(cells)}</tr></tbody></table>"


def _leaks(report: Report) -> str:
    if not report.leaks:
        return "<p>Not run: they run by themselves where a version beats the baselines, or with --check-leaks.</p>"
    said = {True: ("yes", "passed"), False: ("no", "failed"), None: ("open", "cannot tell")}
    rows = [
        f'<tr><th>{escape(one.check)}</th><td class="{said[one.passed][0]}">{said[one.passed][1]}</td>'
        f"<td>{escape(one.words)}</td></tr>"
        for one in report.leaks
    ]
    return f'<div class="wide"><table class="leaks"><tbody>{"".join(rows)}</tbody></table></div>'


def _facts(manifest: ModelManifest, report: Report) -> str:
    used = manifest.feature_set
    parts = [f"{part.purpose}: {part.rows:,} rows, {_span(part.from_ns, part.to_ns)}" for part in manifest.splits]
    facts: list[tuple[str, Sequence[str]]] = [
        ("label", [_label(manifest)]),
        ("test part", [f"{report.rows:,} rows, {_span(report.from_ns, report.to_ns)}"]),
        ("classes in it", [f"{name} {share:.1%}" for name, share in report.balance.items()]),
        ("parts", parts),
        ("feature set", [f"{used.name} ({used.schema}), {len(manifest.inputs)} inputs"]),
        ("data", [f"{key}: {_data(value)}" for key, value in manifest.data.items()]),
        ("seed", [str(manifest.seed)]),
        ("libraries", [", ".join(f"{name} {version}" for name, version in manifest.libraries.items())]),
    ]
    rows = [
        f"<tr><th>{escape(name)}</th><td>{'<br>'.join(escape(line) for line in lines)}</td></tr>"
        for name, lines in facts
        if any(lines)
    ]
    return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'


def _data(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and value < 10**12 else str(value)


def _label(manifest: ModelManifest) -> str:
    label = manifest.label
    told = f"{label.kind} of the {label.price} over {_duration(label.horizon_ms * 10**6)}"
    if label.take_bps is not None and label.stop_bps is not None:
        return f"{told}, take {label.take_bps:g} bps, stop {label.stop_bps:g} bps"
    return told + (f", dead band {label.dead_band_bps:g} bps" if label.kind == "direction" else "")


def _span(from_ns: int, to_ns: int) -> str:
    first, last = (f"{datetime.fromtimestamp(at // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S}" for at in (from_ns, to_ns))
    return f"{first} to {last} UTC"


def _duration(ns: int) -> str:
    seconds = ns / NS_PER_S
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
