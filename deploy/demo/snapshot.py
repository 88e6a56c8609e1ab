"""One look at the running demonstration: what both views show."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from deploy.demo.judged import Judged
from deploy.demo.tally import Decision, Tally, decode_feature
from streams.feeds.sample import SYMBOL

FEATURES_SHOWN: Final = ("sma_20", "rsi_14", "macd_hist")
RATE_WINDOW_S: Final = 3.0


@dataclass(frozen=True)
class Row:
    """One symbol."""

    symbol: str
    price: float | None
    values: tuple[float | None, ...]
    """Those of FEATURES_SHOWN; None while warming, or where the feature set has no such output."""
    decision: Decision | None
    latency_ms: float
    signals: int

    @property
    def real(self) -> bool:
        """Whether its ticks were recorded on a real market; the others are simulated."""
        return self.symbol == SYMBOL


@dataclass(frozen=True)
class Snapshot:
    """All that is shown."""

    seconds: float
    """Since the feeds began."""
    ticks: int
    ticks_per_s: float
    rejected: int
    features: int
    signals: int
    signals_per_s: float
    median_ms: float | None
    p99_ms: float | None
    rows: tuple[Row, ...]
    """The real symbol first, the simulated ones by name."""
    learning: str = ""
    """How far the training of a model is."""
    accuracy: str = ""
    """How often each model was right so far."""


class Camera:
    """Takes snapshots of a tally; rates are those of the last RATE_WINDOW_S."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._past: deque[tuple[float, int, int]] = deque()

    def take(self, seconds: float, ticks: int, learning: str = "") -> Snapshot:
        """Look, `seconds` after the feeds began, when `ticks` are acknowledged. Decodes a record per symbol."""
        tally = self._tally
        signals = tally.signals
        self._past.append((seconds, ticks, signals))
        while len(self._past) > 2 and seconds - self._past[1][0] >= RATE_WINDOW_S:
            self._past.popleft()
        since_s, ticks_before, signals_before = self._past[0]
        took_s = seconds - since_s
        return Snapshot(
            seconds=seconds,
            ticks=ticks,
            ticks_per_s=(ticks - ticks_before) / took_s if took_s > 0 else 0.0,
            rejected=tally.rejected,
            features=tally.features,
            signals=signals,
            signals_per_s=(signals - signals_before) / took_s if took_s > 0 else 0.0,
            median_ms=tally.latencies.quantile_ms(0.5),
            p99_ms=tally.latencies.quantile_ms(0.99),
            rows=tuple(sorted((self._row(symbol) for symbol in tally.symbols), key=lambda r: (not r.real, r.symbol))),
            learning=learning,
            accuracy=accuracy(tally.judged),
        )

    def _row(self, symbol: str) -> Row:
        line = self._tally.symbols[symbol]
        feature = decode_feature(line.feature) if line.feature else None
        return Row(
            symbol=symbol,
            price=feature.price if feature else None,
            values=tuple(feature.values.get(name) if feature else None for name in FEATURES_SHOWN),
            decision=line.decision,
            latency_ms=line.latency_ms,
            signals=line.signals,
        )


def accuracy(judged: Judged) -> str:
    """One phrase for all models that signed a signal of the real symbol; empty before the first outcome."""
    parts = [
        f"{model} {score.accuracy:.1%} of {score.moves:,} moves in {score.horizon_ms / 1000:g} s"
        for model, score in judged.scores.items()
        if score.accuracy is not None
    ]
    return f"right on {SYMBOL}: {'; '.join(parts)}" if parts else ""
