"""The demonstration as plain lines, for output that is no terminal."""

from types import TracebackType
from typing import Final, Self, TextIO

from deploy.demo.numbers import number
from deploy.demo.snapshot import FEATURES_SHOWN, Row, Snapshot

INTERVAL_S: Final = 1.0
CHANGES_SHOWN: Final = 5


class LineView:
    """A line of totals at each look, then the real symbol and up to CHANGES_SHOWN symbols whose action changed."""

    interval_s = INTERVAL_S

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._actions: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to restore."""

    def show(self, snapshot: Snapshot) -> None:
        """Print the lines."""
        totals = (
            f"{snapshot.seconds:6.1f} s  ticks {snapshot.ticks:,} ({snapshot.ticks_per_s:,.0f}/s)  "
            f"rejected {snapshot.rejected:,}  features {snapshot.features:,}  "
            f"signals {snapshot.signals:,} ({snapshot.signals_per_s:,.0f}/s)  "
            f"median {number(snapshot.median_ms, 1)} ms  p99 {number(snapshot.p99_ms, 1)} ms"
        )
        changed = [row for row in snapshot.rows if not row.real and self._changed(row)]
        shown = [row for row in snapshot.rows if row.real] + changed[:CHANGES_SHOWN]
        self._actions |= {row.symbol: row.decision.action for row in shown if row.decision}
        told = [f"          {line}" for line in (snapshot.learning, snapshot.accuracy) if line]
        print(
            "\n".join([totals, *told, *(line_of(row) for row in shown if row.decision)]), file=self._stream, flush=True
        )

    def _changed(self, row: Row) -> bool:
        return row.decision is not None and self._actions.get(row.symbol) != row.decision.action


def line_of(row: Row) -> str:
    """One symbol."""
    values = "  ".join(f"{name} {number(value, 3)}" for name, value in zip(FEATURES_SHOWN, row.values, strict=True))
    decided = row.decision
    action = f"{decided.action} at {decided.confidence:.2f}" if decided else "-"
    return (
        f"          {row.symbol:<7} {'real' if row.real else 'simulated'}  price {number(row.price, 2)}  {values}  "
        f"{action}  {row.latency_ms:.1f} ms  {decided.model if decided else '-'}"
    )
