"""The bar that is open, and what is kept of the last one that closed."""

from dataclasses import dataclass
from math import nan

from streams.definitions.definition import Trade


@dataclass
class OpenBar:
    """Trades of one bar so far."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    dollars: float = 0.0
    signed: float = 0.0
    trades: int = 0
    missing: bool = False
    """Whether data are known to be missing in it."""

    @classmethod
    def begun(cls, start_ns: int, price: float, *, missing: bool) -> "OpenBar":
        """With its first trade still to be taken."""
        return cls(start_ns, price, price, price, price, missing=missing)

    def take(self, price: float, size: float, signed: float) -> None:
        """One trade."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += size
        self.dollars += price * size
        self.signed += signed
        self.trades += 1

    def filled(self, kind: str) -> float:
        """How much of what fills it there is."""
        return {"trades": float(self.trades), "volume": self.volume, "dollars": self.dollars}[kind]

    def closed(self, session: int) -> Trade:
        """As indicators see it; `session`: that of its last trade."""
        return Trade(
            self.open, self.high, self.low, self.close, self.volume, self.dollars, self.signed, 0, nan, session
        )


@dataclass
class Bars:
    """Of one interval."""

    open: OpenBar | None = None
    missing: bool = False
    """Data are missing before the next one."""
    end_ns: int | None = None
    """End of the last one that closed."""
    close: float = nan
    """And its close."""
