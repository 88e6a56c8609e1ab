import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.alerting.kinds import AlertLimits
from agents.alerting.rules import AlertRules
from agents.alerting.suppression import WIDTH, fresh
from agents.decision.answers import Answer
from agents.decision.decisions import BUY, HOLD, SELL, Decisions
from agents.decision.feature_records import FeatureColumns

LIMITS = AlertLimits(high=True, risk_bps=50.0, volume_z=6.0, volume_ratio=10.0, stale_s=60.0, quiet_s=100.0)
SECOND = 1_000_000_000


def columns(at_s: Sequence[float], *, volume: Sequence[float] | None = None, symbol: str = "ES") -> FeatureColumns:
    n = len(at_s)
    return FeatureColumns(
        ids=[f"ticks-0-{round(at * 10)}" for at in at_s],
        symbols=[symbol] * n,
        ts_ns=[round(at * SECOND) for at in at_s],
        price=np.full(n, 100.0),
        values=np.array([math.nan] * n if volume is None else volume, np.float64).reshape(n, 1),
        places=range(n),
        rejected=[],
        schema="0",
    )


def answer(action: Sequence[int], high: Sequence[bool], risk: float = math.nan) -> Answer:
    n = len(action)
    decisions = Decisions(
        probability_up=np.full(n, 0.9),
        confidence=np.full(n, 0.8),
        action=np.array(action, np.uint8),
        expected_return_bps=np.full(n, math.nan),
        risk=np.full(n, risk),
        members=np.full((n, 1), 0.9),
        weights=np.ones(1),
        effective_weights=np.ones((n, 1)),
        reason=[None] * n,
        names=("one",),
        horizon_ms=10_000,
        high=np.array(high, np.bool_),
    )
    return Answer("tiny@0", np.arange(n), decisions)


def kinds(found: Sequence[tuple[int, Any]]) -> list[tuple[int, str]]:
    return [(place, alert.kind) for place, alert in found]


def test_a_high_signal_speaks_once_and_again_after_another_word_and_the_quiet_time() -> None:
    rules = AlertRules(LIMITS, ("x",))
    action = [BUY, BUY, BUY, HOLD, BUY, BUY, SELL]
    high = [True, False, True, False, True, True, True]
    found = rules.of(columns([0, 1, 2, 3, 50, 100, 101]), [answer(action, high)])
    assert kinds(found) == [(0, "signal-high-buy"), (5, "signal-high-buy"), (6, "signal-high-sell")]
    first = found[0][1]
    assert first.id == "ticks-0-0|signal-high-buy"
    assert first.numbers["expected_return_bps"] == {"value": None}
    assert "tiny@0" in first.message


def test_risk_must_fall_well_below_its_limit_before_it_speaks_again() -> None:
    rules = AlertRules(LIMITS, ("x",))
    found = []
    for at, risk in [(0, 60.0), (200, 45.0), (201, 60.0), (202, 39.0), (203, 55.0)]:
        found += [at for _ in rules.of(columns([at]), [answer([HOLD], [False], risk)])]
    # The last gap of 200 s is a silence of the feed as well.
    assert found == [0, 200, 203]


def test_unusual_volume_by_score_or_by_its_own_average() -> None:
    scored = AlertRules(LIMITS, ("volume_z_50",))
    assert kinds(scored.of(columns([0, 1], volume=[5.9, 6.1]), [])) == [(1, "volume-unusual")]
    rated = AlertRules(LIMITS, ("dollar_volume_50",))
    at = [i / 100 for i in range(1_200)]
    volume = [100.0] * 1_199 + [1_001.0]
    assert kinds(rated.of(columns(at, volume=volume), [])) == [(1_199, "volume-unusual")]
    early = AlertRules(LIMITS, ("dollar_volume_50",))
    assert early.of(columns(at[:10], volume=[1.0] * 9 + [1e6]), []) == []


def test_a_feed_that_comes_back_after_a_silence_is_told() -> None:
    rules = AlertRules(LIMITS, ("x",))
    found = rules.of(columns([0, 1, 61.5, 62]), [])
    assert kinds(found) == [(2, "stale-feed")]
    assert found[0][1].numbers == {"silence_s": {"value": 60.5, "limit": 60.0}}


def test_limits_of_0_say_nothing() -> None:
    rules = AlertRules(AlertLimits(high=False), ("volume_z_50",))
    found = rules.of(columns([0, 1_000], volume=[99, 99]), [answer([BUY, BUY], [True, True], math.inf)])
    assert found == []


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 80), st.sampled_from((HOLD, BUY, SELL)), st.booleans(), st.floats(0, 100), st.floats(0, 9)
        ),
        min_size=1,
        max_size=40,
    ),
    cut=st.integers(0, 40),
)
def test_cuts_and_restarts_with_what_was_kept_change_nothing(
    rows: list[tuple[int, int, bool, float, float]], cut: int
) -> None:
    at = np.cumsum([row[0] for row in rows]).tolist()

    def told(rules: AlertRules, part: slice) -> list[str]:
        found = []
        for i in range(len(rows))[part]:
            one = answer([rows[i][1]], [rows[i][2]], rows[i][3])
            found += [f"{i} {alert.id}" for _, alert in rules.of(columns([at[i]], volume=[rows[i][4]]), [one])]
        return found

    whole = told(AlertRules(LIMITS, ("volume_z_50",)), slice(None))
    before, after = AlertRules(LIMITS, ("volume_z_50",)), AlertRules(LIMITS, ("volume_z_50",))
    first = told(before, slice(None, cut))
    after.memory.restore("ES", before.memory.keep("ES"))
    assert first + told(after, slice(cut, None)) == whole
    for kind in ("risk-high", "volume-unusual", "signal-high-buy"):
        times = [int(text.split()[0]) for text in whole if text.endswith(kind)]
        assert all(at[b] - at[a] >= LIMITS.quiet_s for a, b in pairwise(times))


def test_memory_is_bounded_by_the_symbols_that_are_known() -> None:
    memory = AlertRules(LIMITS, ("x",)).memory
    for i in range(100):
        memory.keep(f"S{i}")
    for i in range(100):
        memory.forget(f"S{i}")
    memory.forget("never seen")
    assert len(memory) == 0
    np.testing.assert_array_equal(memory.keep("S5"), fresh())
    assert "S5" in memory
    with pytest.raises(ValueError, match="this version keeps"):
        memory.restore("S5", np.zeros(WIDTH + 1))
