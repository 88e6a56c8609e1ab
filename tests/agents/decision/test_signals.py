"""Decisions into Signal records and back."""

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.decisions import ACTIONS
from agents.decision.ensemble import EnsembleSystem
from agents.decision.signals import encode_signals
from streams.records import Signal
from tests.agents.decision.reference import OUTPUTS, Row, matrix_of, rows

NAMES = ("trend", "mean_reversion", "momentum")


def or_none(number: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(number) else float(number)


@given(batch=st.lists(rows(nulls=True), max_size=12), first_ns=st.integers(-(2**63), 2**63 - 13))
def test_reads_back_as_what_was_decided(batch: list[Row], first_ns: int) -> None:
    decisions = EnsembleSystem(OUTPUTS, horizon_ms=250).decide(*matrix_of(batch))
    n = len(batch)
    ids, symbols = [f"ticks-3-{i}" for i in range(n)], [f"SIM{i:03}" for i in range(n)]
    times = [first_ns + i for i in range(n)]
    encoded = encode_signals(decisions, ids, symbols, times, "0123456789ab", "rules@1")
    assert [msgspec.json.decode(raw, type=Signal, strict=True) for raw in encoded] == [
        Signal(
            id=ids[i],
            symbol=symbols[i],
            ts_ns=times[i],
            action=ACTIONS[decisions.action[i]],
            probability_up=float(decisions.probability_up[i]),
            confidence=float(decisions.confidence[i]),
            expected_return_bps=or_none(decisions.expected_return_bps[i]),
            risk=or_none(decisions.risk[i]),
            horizon_ms=250,
            model="rules@1",
            fallback=False,
            reason=decisions.reason[i],
            members={name: or_none(decisions.members[i, j]) for j, name in enumerate(NAMES)},
            weights={name: float(decisions.effective_weights[i, j]) for j, name in enumerate(NAMES)},
            schema="0123456789ab",
        )
        for i in range(n)
    ]


def test_the_bytes_while_warming() -> None:
    decisions = EnsembleSystem(OUTPUTS).decide(np.full((1, len(OUTPUTS)), math.nan), np.array([math.nan]))
    (raw,) = encode_signals(decisions, ["ticks-0-7"], ["BTC/USDT"], [1_790_000_000_000_000_001], "v", "rules@1")
    assert json.loads(raw) == {
        "id": "ticks-0-7",
        "symbol": "BTC/USDT",
        "ts_ns": 1_790_000_000_000_000_001,
        "action": "hold",
        "probability_up": 0.5,
        "confidence": 0.0,
        "expected_return_bps": None,
        "risk": None,
        "horizon_ms": 10_000,
        "model": "rules@1",
        "fallback": False,
        "reason": "warming",
        "members": dict.fromkeys(NAMES),
        "weights": dict.fromkeys(NAMES, 0.0),
        "schema": "v",
        "high": False,
    }


@pytest.mark.parametrize(("ids", "symbols", "times"), [(1, 2, 2), (2, 3, 2), (2, 2, 1)])
def test_refuses_sequences_of_other_lengths(ids: int, symbols: int, times: int) -> None:
    decisions = EnsembleSystem(OUTPUTS).decide(np.ones((2, len(OUTPUTS))), np.ones(2))
    with pytest.raises(ValueError, match="zip"):
        encode_signals(decisions, ["x"] * ids, ["y"] * symbols, [1] * times, "v", "rules@1")
