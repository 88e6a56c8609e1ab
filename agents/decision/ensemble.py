"""The ensemble: members give their opinions on a batch of feature records, a weighted pool decides."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from agents.decision.bands import LOWER, UPPER, risk_bps
from agents.decision.decisions import BUY, HOLD, NO_MEMBER, SELL, WARMING, Decisions
from agents.decision.mean_reversion import MeanReversion
from agents.decision.member import Member
from agents.decision.momentum import Momentum
from agents.decision.pool import pool
from agents.decision.silent import Silent
from agents.decision.trend import Trend
from streams.columns import F64, U8
from streams.errors import ConfigError

RULES: Final[tuple[Member, ...]] = (Trend(), MeanReversion(), Momentum())
"""The members that need no training."""


ACT_ABOVE: Final = 0.15
"""Confidence above which the rules act: the pool gives one direction more than 57.5%. About one record in four of a
random walk gets there (hardly one gets beyond 0.2): it is how loudly the rules agree, not how often they are right."""


def rules_for(outputs: Sequence[str]) -> tuple[Member, ...]:
    """Those of the rules whose features a feature set has; one that abstains always where it has none's."""
    return tuple(member for member in RULES if set(member.inputs) <= {*outputs}) or (Silent(),)


class EnsembleSystem:
    """Decides what to do about each feature record from the opinions of its members (a `Decider`).

    The opinions are pooled in log-odds by weight over the members that answered (agents/decision/pool.py). With p the
    pooled probability that the price is higher at the horizon:

        confidence          = |2 p - 1|                                               [0, 1)
        action              = buy where 2 p - 1 > act_above, sell where 1 - 2 p > act_above, else hold
        risk                = (bb_upper - bb_lower) / 4 / price * 10,000              bps of the price
        expected_return_bps = (2 p - 1) * risk                                        bps of the price

    `risk` is one standard deviation of the last 20 trade prices (the bands lie two of them from their middle). The
    expected return takes it for the typical move over the horizon: up with p, down with 1 - p. It is a plain estimate:
    the features do not say how many trades the horizon will hold, so it does not grow with `horizon_ms`. Both are NaN
    where the feature set has no Bollinger bands or they are not ready.

    Where no member of positive weight answered, the decision is to hold: probability 0.5, confidence 0, effective
    weights 0, reason `warming`, or `no-member` where the members read nothing. A flat market gives hold with
    probability 0.5 and no reason.

    It keeps no state: a decision depends on its own record only, to the last bit, however a batch is cut.
    """

    def __init__(
        self,
        outputs: Sequence[str],
        *,
        members: Sequence[Member] = RULES,
        weights: Mapping[str, float] | None = None,
        horizon_ms: int = 10_000,
        act_above: float = ACT_ABOVE,
        name: str = "rules",
        version: str = "1",
    ) -> None:
        """Bind the members to the outputs of a feature set.

        Args:
            outputs: names of the columns that `decide` will get, in their order.
            members: their order is that of the columns of `Decisions.members`.
            weights: member name -> weight >= 0, on any scale; equal shares if None.
            horizon_ms: how far ahead a decision looks, milliseconds; handed on to `Decisions`.
            act_above: confidence in [0, 1) above which a decision is to buy or sell.
            name: with `version`, the `model` of a signal.
            version: to be changed whenever the same features may give another decision.

        Raises:
            ConfigError: a member needs a feature that `outputs` lacks, two members share a name, or a number cannot be.
        """
        self.name = name
        self.version = version
        self.horizon_ms = horizon_ms
        self.act_above = act_above
        self.members = tuple(members)
        self.names = tuple(member.name for member in self.members)
        self.outputs = tuple(outputs)
        if horizon_ms < 1:
            raise ConfigError(f"horizon_ms={horizon_ms}: a decision looks ahead; give at least 1 ms")
        if not 0.0 <= act_above < 1.0:
            raise ConfigError(f"act_above={act_above}: confidence lies in [0, 1); give a threshold from there")
        self._check_members()
        self.weights = _normalised(weights, self.names)
        self.weights.flags.writeable = False  # every Decisions shows this array
        wanted = {feature for member in self.members for feature in member.inputs} | ({UPPER, LOWER} & {*self.outputs})
        self._used = tuple(sorted(wanted))
        self._silence = WARMING if any(member.inputs for member in self.members) else NO_MEMBER
        self._places = np.array([self.outputs.index(feature) for feature in self._used], dtype=np.intp)

    @property
    def model(self) -> str:
        """The `model` of its signals: `name@version`."""
        return f"{self.name}@{self.version}"

    def warm_up(self) -> None:
        """Compile what compiles at first use (seconds; from the cache 0.1 s), before the first record waits for it."""
        self.decide(np.ones((1, len(self.outputs))), np.ones(1))

    def decide(self, values: F64, price: F64) -> Decisions:
        """Decide about n records.

        Args:
            values: [n, k] in the order of `outputs`; NaN where a value is null.
            price: [n], last trade price in the quote currency; NaN before the first trade, as is one that is not > 0.

        Raises:
            ValueError: the shapes do not fit `outputs` or each other, or a member gave an array of another shape.
        """
        n = len(price)
        if price.shape != (n,) or values.shape != (n, len(self.outputs)):
            raise ValueError(
                f"values {values.shape} and price {price.shape}: give [n, {len(self.outputs)}], a column for each "
                "output of the feature set, and [n]"
            )
        # Copies: compiled members see contiguous, writable float64 columns only, so each compiles for one signature
        # (numba tells read-only and strided arrays apart).
        columns = dict(zip(self._used, values.T.take(self._places, axis=0), strict=True))
        price = np.where(price > 0.0, price, math.nan)
        opinions = self._opinions(columns, price)
        pooled, effective = pool(opinions, self.weights)
        answered = ~np.isnan(pooled)
        probability = np.where(answered, pooled, 0.5)
        edge = 2.0 * probability - 1.0
        risk = _risk_bps(columns, price)
        reason: list[str | None] = [None] * n
        for i in np.flatnonzero(~answered).tolist():
            reason[i] = self._silence
        return Decisions(
            probability_up=probability,
            confidence=np.abs(edge),
            action=self._actions(edge),
            expected_return_bps=np.where(answered, edge * risk, math.nan),
            risk=risk,
            members=opinions,
            weights=self.weights,
            effective_weights=effective,
            reason=reason,
            names=self.names,
            horizon_ms=self.horizon_ms,
        )

    def _opinions(self, columns: Mapping[str, F64], price: F64) -> F64:
        """[n, m]: what each member says."""
        opinions = np.empty((len(price), len(self.members)))
        for column, member in enumerate(self.members):
            opinion = member.probability_up(columns, price)
            if opinion.shape != price.shape:
                raise ValueError(
                    f"member {member.name} gave probabilities of shape {opinion.shape} for {len(price)} records: "
                    "it must give one per record"
                )
            opinions[:, column] = opinion
        return opinions

    def _actions(self, edge: F64) -> U8:
        """[n]: codes by the sign and size of 2 p - 1."""
        actions = np.full(len(edge), HOLD, dtype=np.uint8)
        actions[edge > self.act_above] = BUY
        actions[-edge > self.act_above] = SELL
        return actions

    def _check_members(self) -> None:
        """Refuse an ensemble that cannot run on these outputs."""
        if not self.members:
            raise ConfigError("members=(): an ensemble needs at least one member; leave it out for the rules")
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise ConfigError(f"members: {twice[0]!r} is there twice; a signal tells members apart by name")
        for member in self.members:
            missing = [feature for feature in member.inputs if feature not in self.outputs]
            if missing:
                raise ConfigError(
                    f"member {member.name!r} needs the feature {missing[0]!r}, which the feature set does not have: "
                    "add its indicator to the feature-set file, or leave the member out"
                )


def _normalised(weights: Mapping[str, float] | None, names: tuple[str, ...]) -> F64:
    """[m]: the weights in the order of `names`, divided by their sum."""
    if weights is None:
        return np.full(len(names), 1.0 / len(names))
    for name in [*weights, *names]:
        if name not in names or name not in weights:
            problem = "is no member" if name not in names else "has no weight"
            raise ConfigError(f"weights: {name!r} {problem}; give one weight for each of {', '.join(names)}")
        if not (math.isfinite(weights[name]) and weights[name] >= 0.0):
            raise ConfigError(f"weights: {name!r} has {weights[name]}; a weight is a finite number, 0 or more")
    given = np.array([weights[name] for name in names], dtype=np.float64)
    largest = given.max()
    if largest == 0.0:
        raise ConfigError("weights: every one is 0; give at least one member a weight above 0")
    shares: F64 = given / largest  # first by the largest: the sum of very large weights would overflow
    shares /= shares.sum()
    return shares


def _risk_bps(columns: Mapping[str, F64], price: F64) -> F64:
    """[n]: one standard deviation in bps of the price, NaN without bands."""
    if UPPER not in columns or LOWER not in columns:
        return np.full(len(price), math.nan)
    return risk_bps(columns[UPPER], columns[LOWER], price)
