"""One model in one partition, followed: what became of its decisions, and the weights that its members earned."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.decision.answers import Answer, opinions, verdicts
from agents.decision.dynamic_weights import learn
from agents.decision.maturing import OLD, Kept, Matured, Maturing
from agents.decision.outcomes import Outcomes
from streams.columns import F64

EXTRAS = 5
"""Numbers of a decision that are remembered behind those of the members: P(up), three classes, tier."""


class Passing(NamedTuple):
    """n records of a batch as they pass."""

    symbols: Sequence[str]
    ts_ns: NDArray[np.int64]
    price: F64
    mid: F64

    def take(self, places: NDArray[np.intp]) -> "Passing":
        """Some of them."""
        symbols = [self.symbols[place] for place in places.tolist()]
        return Passing(symbols, self.ts_ns[places], self.price[places], self.mid[places])


class Following:
    """See the module's docstring. For each batch: `weigh` where weights are kept, then `hear`."""

    def __init__(
        self,
        model: str,
        horizon_ms: int,
        members: int,
        classes: int,
        *,
        dead_band_bps: float = 0.0,
        mid: bool = True,
        prior: F64 | None = None,
    ) -> None:
        """`members` give `classes` probabilities each; `prior` [members]: where the weights begin, None: none are kept.

        `dead_band_bps` and `mid` are the label's.
        """
        self.model = model
        self._shape = (members, classes)
        self._dead_band_bps = dead_band_bps
        self._prior = prior
        self._maturing = Maturing(horizon_ms, members * classes + EXTRAS, mid=mid)
        self._weights = np.zeros((0, members))
        self._matured: Matured | None = None
        self._symbols: Sequence[str] = ()

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._maturing

    @property
    def waiting(self) -> int:
        """Decisions that have not matured."""
        return self._maturing.waiting

    def weigh(self, passing: Passing, probabilities: F64) -> F64:
        """Weights [n, m] of the members for each record; labels that matured before a record are learnt from.

        Args:
            passing: the n records.
            probabilities: [n, m, c], what the members say about them.
        """
        assert self._prior is not None, "a model without weights has none to give"
        rows = self._pass_by(passing, probabilities)
        matured, m = self._matured, self._shape
        assert matured is not None, "just made"
        members = matured.payload[:, : m[0] * m[1]].reshape(-1, *m)
        return learn(self._weights, self._prior, rows, members, self._labels(matured.return_bps), matured.at)

    def _pass(self, passing: Passing, probabilities: F64 | None = None) -> None:
        """n records pass, whose decisions are taken where the members said something (None: nowhere)."""
        if self._prior is None:
            self._pass_by(passing, probabilities)
        else:
            empty = np.full((len(passing.symbols), *self._shape), np.nan)
            self.weigh(passing, empty if probabilities is None else probabilities)

    def hear(self, passing: Passing, own: Sequence[Answer], *, passed: bool) -> Outcomes | None:
        """The end of a batch: what was decided about its records by this model, and what matured with it.

        `passed`: whether `weigh` had the records already.
        """
        n = len(passing.symbols)
        if not passed:
            self._pass(passing, opinions(own, n, *self._shape))
        return self._settle(verdicts(own, n))

    def _settle(self, decided: F64 | None) -> Outcomes | None:
        matured, self._matured = self._matured, None
        if matured is None:
            return None
        first = self._shape[0] * self._shape[1]
        if decided is not None:
            self._maturing.complete(first, decided)
            fresh = matured.source != OLD
            matured.payload[fresh, first:] = decided[matured.source[fresh]]
        # One without a verdict was scored, and then another decided.
        kept = np.flatnonzero(~np.isnan(matured.payload[:, first]))
        if not len(kept):
            return None
        payload, returns = matured.payload[kept], matured.return_bps[kept]
        return Outcomes(
            model=self.model,
            symbols=[self._symbols[place] for place in matured.at[kept].tolist()],
            ts_ns=matured.ts_ns[kept],
            probability_up=payload[:, first],
            classes=payload[:, first + 1 : first + 4],
            members=payload[:, :first].reshape(-1, *self._shape),
            high=payload[:, first + 4] > 0.0,
            return_bps=returns,
            label=self._labels(returns),
        )

    def keep(self, symbol: str) -> tuple[Kept, F64]:
        """What is known of a symbol, and its weights."""
        kept = self._maturing.keep(symbol)
        return kept, self._weights[int(self._maturing.rows([symbol])[0])].copy()

    def restore(self, symbol: str, kept: Kept, weights: F64) -> None:
        """Go on with what was kept of a symbol that is not known yet."""
        self._maturing.restore(symbol, kept)
        self._rows([symbol])
        self._weights[int(self._maturing.rows([symbol])[0])] = weights

    def forget(self, symbol: str) -> None:
        """Let a symbol go."""
        row = self._maturing.forget(symbol)
        if row is not None and self._prior is not None:
            self._weights[row] = self._prior

    def _pass_by(self, passing: Passing, probabilities: F64 | None) -> NDArray[np.int64]:
        n, first = len(passing.symbols), self._shape[0] * self._shape[1]
        payload = np.full((n, first + EXTRAS), np.nan)
        taken = np.zeros(n, np.bool_)
        if probabilities is not None:
            payload[:, :first] = probabilities.reshape(n, first)
            taken = ~np.isnan(payload[:, :first]).all(axis=1)
        rows = self._rows(passing.symbols)
        self._symbols = passing.symbols
        self._matured = self._maturing.pass_by(rows, passing.ts_ns, passing.price, passing.mid, taken, payload)
        return rows

    def _rows(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        rows = self._maturing.rows(symbols)
        if self._prior is not None and (more := self._maturing.capacity - len(self._weights)):
            self._weights = np.concatenate([self._weights, np.tile(self._prior, (more, 1))])
        return rows

    def _labels(self, return_bps: F64) -> NDArray[np.int8]:
        band = self._dead_band_bps
        return (return_bps > band).astype(np.int8) - (return_bps < -band).astype(np.int8)


def warm_up() -> None:
    """Compile what compiles at first use (seconds; from the cache 0.1 s), before the first record waits for it."""
    following = Following("warm-up", 1, 2, 3, prior=np.full(2, 0.5))
    one = np.ones(2)
    passing = Passing("AA", np.array([0, 10_000_000]), one, one)
    following.weigh(passing, np.full((2, 2, 3), 1.0 / 3.0))
    following.hear(passing, (), passed=True)
