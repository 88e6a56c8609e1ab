"""How often the directions that signals called came true, model by model."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

MS: Final = 1_000_000
EVEN: Final = 0.5


@dataclass
class Score:
    """Of one model."""

    horizon_ms: int
    moves: int = 0
    """Calls whose horizon has passed, and whose price moved; each trade is one, so neighbours share their future."""
    right: int = 0
    """Those that moved as called."""

    @property
    def accuracy(self) -> float | None:
        """Share that was right; None before the first."""
        return self.right / self.moves if self.moves else None


@dataclass(frozen=True)
class Call:
    """A direction that a signal names."""

    id: str
    ts_ns: int
    model: str
    horizon_ms: int
    up: bool


class Judged:
    """Signals of one symbol against its later prices, by event time.

    What came is the move from the price of the record to that of the last record at or before its horizon, known with
    the first record past it. `price` and `signal` are called in the order of their topics, whichever is ahead. Moves
    of nothing count for nobody, and neither does a signal that names no direction (`probability_up` of a half).
    """

    def __init__(self) -> None:
        self.scores: dict[str, Score] = {}
        """By model, in the order of their first signals."""
        self._times: list[int] = []
        self._prices: list[float] = []
        self._price_of: dict[str, float] = {}
        self._ids: deque[tuple[int, str]] = deque()
        self._calls: deque[Call] = deque()
        self._called_ns = 0

    def price(self, record: str, ts_ns: int, price: float | None) -> None:
        """Note a feature record."""
        if price is None or (self._times and ts_ns < self._times[-1]):
            return
        self._times.append(ts_ns)
        self._prices.append(price)
        self._price_of[record] = price
        self._ids.append((ts_ns, record))
        self._judge()

    def signal(self, record: str, ts_ns: int, model: str, horizon_ms: int, probability_up: float) -> None:
        """Note a signal; `record` is the id of its feature record."""
        self._called_ns = ts_ns
        self.scores.setdefault(model, Score(horizon_ms))
        if probability_up != EVEN:
            self._calls.append(Call(record, ts_ns, model, horizon_ms, probability_up > EVEN))
        self._judge()

    def _judge(self) -> None:
        while self._calls and self._times:
            call = self._calls[0]
            ends_ns = call.ts_ns + call.horizon_ms * MS
            if self._times[-1] <= ends_ns:
                break
            self._calls.popleft()
            before = self._price_of.get(call.id)
            after = self._prices[max(0, bisect_right(self._times, ends_ns) - 1)]
            if before is None or before == after:
                continue
            score = self.scores[call.model]
            score.moves += 1
            score.right += (after > before) == call.up
        self._forget()

    def _forget(self) -> None:
        """Drop what no call needs: older than the oldest call that waits, and than the newest signal."""
        oldest_ns = self._calls[0].ts_ns if self._calls else self._called_ns
        while self._ids and self._ids[0][0] < oldest_ns:
            self._price_of.pop(self._ids.popleft()[1], None)
        needed = bisect_right(self._times, oldest_ns) - 1
        # Seldom, for it moves the whole list.
        if needed > len(self._times) // 2 > 0:
            del self._times[:needed], self._prices[:needed]
