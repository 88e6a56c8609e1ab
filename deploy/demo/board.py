"""The demonstration as a live table, for a terminal."""

from types import TracebackType
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.demo.numbers import number
from deploy.demo.snapshot import FEATURES_SHOWN, Row, Snapshot

INTERVAL_S: Final = 0.5
FRAME_LINES: Final = 8
"""Lines around the rows: title, totals, learning, accuracy, table head and its rule, notes."""
COLOURS: Final = {"buy": "bold green", "sell": "bold red", "hold": "dim"}


class BoardView:
    """A table that redraws itself on a screen of its own; leaving it prints the last one to stay."""

    interval_s = INTERVAL_S

    def __init__(self, console: Console, title: str, note: str) -> None:
        """`title` says what the market is, `note` where to look further."""
        self._console = console
        self._title = title
        self._note = note
        self._last: Snapshot | None = None
        self._live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False)

    def __enter__(self) -> Self:
        """Take the screen."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the screen back, and leave the last table there."""
        self._live.stop()
        if self._last is not None and kind is None:
            self._console.print(self.render(self._last, rows=len(self._last.rows)))

    def show(self, snapshot: Snapshot) -> None:
        """Draw it; on a low screen the symbols with the most signals."""
        self._last = snapshot
        self._live.update(self.render(snapshot, rows=max(1, self._console.height - FRAME_LINES)), refresh=True)

    def render(self, snapshot: Snapshot, rows: int) -> Group:
        """Title, totals, at most so many rows, note."""
        shown = sorted(snapshot.rows, key=lambda row: (not row.real, -row.signals))[:rows]
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0)
        table.add_column("symbol", style="bold", no_wrap=True)
        table.add_column("market", no_wrap=True)
        for name in ("price", *FEATURES_SHOWN):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("action", no_wrap=True)
        for name in ("conf.", "latency", "signals"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("model", no_wrap=True)
        for row in sorted(shown, key=lambda row: (not row.real, row.symbol)):
            table.add_row(*_cells(row))
        left_out = len(snapshot.rows) - len(shown)
        more = f"{left_out} more symbols; a higher terminal shows them.  " if left_out else ""
        note = Text(more + self._note, style="dim")
        return Group(Text(self._title, style="bold"), _totals(snapshot), table, note)


def _totals(snapshot: Snapshot) -> Text:
    return Text(
        f"{snapshot.seconds:.0f} s   ticks {snapshot.ticks:,} ({snapshot.ticks_per_s:,.0f}/s)   "
        f"rejected {snapshot.rejected:,}   signals {snapshot.signals:,} ({snapshot.signals_per_s:,.0f}/s)\n"
        f"tick to signal: median {number(snapshot.median_ms, 1)} ms, p99 {number(snapshot.p99_ms, 1)} ms\n"
        f"{snapshot.learning}\n{snapshot.accuracy}",
        no_wrap=True,
        overflow="ellipsis",
    )


def _cells(row: Row) -> list[Text]:
    decided = row.decision
    colour = COLOURS[decided.action] if decided else ""
    return [
        Text(row.symbol),
        Text("real", style="cyan") if row.real else Text("simulated", style="dim"),
        Text(number(row.price, 2)),
        *(Text(number(value, 2)) for value in row.values),
        Text(decided.action if decided else "-", style=colour),
        Text(f"{decided.confidence:.2f}" if decided else "-"),
        Text(f"{row.latency_ms:.1f} ms" if decided else "-"),
        Text(f"{row.signals:,}"),
        Text(decided.model if decided else "-", style="dim" if decided and decided.fallback else ""),
    ]
