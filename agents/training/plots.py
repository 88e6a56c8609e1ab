"""The plots of a report, each as one SVG that takes its colours from the page around it. Needs matplotlib (`train`)."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from agents.training.figures import Group, Report
from agents.training.intervals import Estimate
from streams.errors import ConfigError

INK: Final = "#010203"
FAINT: Final = "#010204"
LINE: Final = "#010205"
MARK: Final = "#010206"
OTHER: Final = "#010207"
"""Stand-ins: each becomes a variable of the page's style, so that one plot serves light and dark."""
VARIABLES: Final = {INK: "--ink", FAINT: "--faint", LINE: "--line", MARK: "--mark", OTHER: "--other"}
WIDTH_IN: Final = 4.6
MOST_GROUPS: Final = 24
MOST_INPUTS: Final = 15
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "legend.frameon": False,
    "text.parse_math": False,  # a name is shown as it is
}


def reliability_plot(report: Report) -> str:
    """What was said against what came."""

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        for one in report.reliability:
            if one.came.value is not None:
                _dot(axes, one.said, one.came, MARK, upright=True)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="probability that was said", ylabel="share that came")

    return _svg("reliability", 3.2, draw)


def coverage_plot(report: Report) -> str:
    """Precision against coverage, the target and the tier."""

    def draw(axes: Any) -> None:
        at = [point.coverage for point in report.curve]
        ends = [_ends(point.precision) for point in report.curve]
        axes.fill_between(at, [low for low, _ in ends], [high for _, high in ends], color=MARK, alpha=0.18, linewidth=0)
        axes.plot(at, [point.precision.value for point in report.curve], color=MARK, linewidth=1.8, label="precision")
        axes.axhline(report.tier.target, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="target")
        if report.tier.precision.value is not None and report.tier.coverage.value is not None:
            _dot(axes, report.tier.coverage.value, report.tier.precision, OTHER, upright=True, label="the high tier")
        if at:
            axes.set_xscale("log")
            ticks = [tick for tick in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if tick >= at[0] / 1.5]
            axes.set_xticks(ticks, [f"{tick:.1%}".replace(".0%", "%") for tick in ticks])
            axes.minorticks_off()
        axes.set(xlabel="coverage (share of rows that are called)", ylabel="share of calls that are right")
        axes.legend(loc="best", fontsize=8.0)

    return _svg("coverage", 3.2, draw)


def members_plot(report: Report) -> str:
    """Accuracy of the ensemble, its members and the baselines."""
    rows = [(one.name, one.figures["accuracy"], MARK) for one in (report.ensemble, *report.members)]
    rows += [(one.name, one.figures["accuracy"], OTHER) for one in report.baselines]
    return _svg("members", 0.9 + 0.25 * len(rows), lambda axes: _listed(axes, rows, "accuracy"))


def symbols_plot(report: Report) -> str:
    """Accuracy by symbol: of those with the most rows."""
    most = sorted(report.by_symbol, key=lambda group: -group.n)[:MOST_GROUPS]
    return _svg("symbols", 1.0 + 0.25 * len(most), lambda axes: _grouped(axes, most))


def days_plot(report: Report) -> str:
    """Accuracy by day: the last ones."""
    last = report.by_day[-MOST_GROUPS:]
    return _svg("days", 1.0 + 0.25 * len(last), lambda axes: _grouped(axes, last))


def importances_plot(report: Report) -> str:
    """Rise of log loss by group of inputs."""
    most = report.importances[:MOST_INPUTS]
    rows = [(_joined(one.inputs), Estimate(one.rise, one.low, one.high), MARK) for one in most]

    def draw(axes: Any) -> None:
        axes.axvline(0.0, color=FAINT, linewidth=1)
        _listed(axes, rows, "rise of log loss when shuffled", percent=False)

    return _svg("importances", 0.9 + 0.25 * len(rows), draw)


def _grouped(axes: Any, groups: Sequence[Group]) -> None:
    for at, group in enumerate(groups):
        if group.baseline.value is not None:
            axes.plot(
                [group.baseline.value], [at], marker="|", markersize=11, markeredgewidth=2, color=OTHER, linestyle=""
            )
    _listed(axes, [(group.key, group.accuracy, MARK) for group in groups], "accuracy; the bar is the best baseline")


def _listed(axes: Any, rows: Sequence[tuple[str, Estimate, str]], what: str, *, percent: bool = True) -> None:
    for at, (_, figure, colour) in enumerate(rows):
        if figure.value is not None:
            _dot(axes, figure, at, colour)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(what)
    axes.locator_params(axis="x", nbins=6 if percent else 4)
    if percent:
        axes.xaxis.set_major_formatter(
            lambda value, _at: f"{value:.0%}" if abs(value * 100 % 1) < 1e-6 else f"{value:.1%}"
        )


def _dot(axes: Any, x: Any, y: Any, colour: str, *, upright: bool = False, label: str | None = None) -> None:
    figure: Estimate = y if upright else x
    value = figure.value
    assert value is not None
    low, high = _ends(figure)
    around = [[max(0.0, value - low)], [max(0.0, high - value)]]
    place, error = ((x, value), {"yerr": around}) if upright else ((value, y), {"xerr": around})
    axes.errorbar(*place, **error, fmt="o", markersize=5, color=colour, elinewidth=1.6, label=label)


def _ends(figure: Estimate) -> tuple[float, float]:
    value = figure.value or 0.0
    return (value if figure.low is None else figure.low), (value if figure.high is None else figure.high)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} near twins"


def _svg(name: str, height_in: float, draw: Callable[[Any], None]) -> str:
    """What `draw` puts on a pair of axes."""
    try:
        # When it first looks for fonts it starts a process: so not at import.
        from matplotlib import rc_context  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "a report needs matplotlib, which the extra brings: pip install '.[train]', or the packages of it"
        ) from None
    out = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    # Several stand on one page: what one defines must not be found by another.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    return re.sub(r' width="[^"]*pt" height="[^"]*pt"| height="[^"]*pt" width="[^"]*pt"', "", text, count=1)
