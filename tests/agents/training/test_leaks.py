"""Leak checks find leaks that were planted, and pass data without any."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from agents.training import leaks
from agents.training.leaks import LeakData, check, engine_features, future_ticks
from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.records import Tick

SECOND_NS = 10**9
HORIZON = 10


def market(n: int = 8_000, *, signal: float = 0.6, seed: int = 0) -> LeakData:
    """One symbol, a row a second. The inputs: what moves the next step, the move over the horizon before, noise."""
    random = np.random.default_rng(seed)
    hint, steps = random.normal(size=n + 2 * HORIZON), random.normal(size=n + 2 * HORIZON)
    steps[1:] += signal * hint[:-1]
    path = np.cumsum(steps)
    now = np.arange(HORIZON, n + HORIZON)
    label = np.digitize(path[now + HORIZON] - path[now], (-1.5, 1.5)).astype(np.int64)
    inputs = np.column_stack((hint[now], path[now] - path[now - HORIZON], random.normal(size=n)))
    rows = np.arange(n)
    return LeakData(
        ts_ns=rows * SECOND_NS,
        symbol=np.full(n, "A"),
        label=label,
        inputs=inputs.astype(np.float32),
        train=rows < n * 0.7 - HORIZON,
        test=rows >= n * 0.7,
        horizon_ns=HORIZON * SECOND_NS,
    )


def told(data: LeakData) -> dict[str, bool | None]:
    return {finding.check: finding.passed for finding in check(data)}


@pytest.mark.parametrize("signal", [0.0, 0.6])
def test_clean_data_pass(signal: float) -> None:
    assert told(market(signal=signal)) == {leaks.SHUFFLED: True, leaks.FUTURE: True, leaks.PAST: True}


def test_inputs_of_one_horizon_later_are_found() -> None:
    data = market()
    ahead = replace(data, inputs=np.roll(data.inputs, -HORIZON, axis=0))
    found = told(ahead)
    assert found[leaks.FUTURE] is False
    assert found[leaks.SHUFFLED] is True


def test_labels_that_stand_one_horizon_late_are_found() -> None:
    """What the inputs say is about the label of one horizon after the one beside them."""
    data = market()
    known = np.roll(data.label, -HORIZON)[:, None] + np.random.default_rng(4).normal(size=(len(data.label), 1)) * 0.3
    assert told(replace(data, inputs=known.astype(np.float32)))[leaks.PAST] is False


def test_rows_of_the_test_part_in_the_training_are_found() -> None:
    data = market()
    mixed = np.random.default_rng(1).random(len(data.label)) < 0.7
    clock = np.arange(len(data.label))[:, None].astype(np.float32)
    leaking = replace(data, train=mixed, test=~mixed, inputs=np.hstack((data.inputs, clock)))
    assert told(leaking)[leaks.SHUFFLED] is False


def test_inputs_that_hold_nothing_cannot_tell() -> None:
    data = market()
    noise = np.random.default_rng(3).normal(size=(len(data.label), 2)).astype(np.float32)
    assert told(replace(data, inputs=noise))[leaks.FUTURE] is None


def test_too_few_rows_cannot_tell() -> None:
    data = market(n=40)
    sparse = replace(data, horizon_ns=30 * SECOND_NS)
    assert told(sparse)[leaks.FUTURE] is None


def test_many_rows_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "MOST_ROWS", 2_000)
    assert set(told(market())) == {leaks.SHUFFLED, leaks.FUTURE, leaks.PAST}


def ticks(n: int = 400) -> list[Tick]:
    random = np.random.default_rng(2)
    prices = 100.0 + np.cumsum(random.normal(size=n)) * 0.01
    return [
        Tick("A", ts_ns=at * SECOND_NS, price=float(price), size=1.0, bid=float(price) - 0.01, ask=float(price) + 0.01)
        for at, price in enumerate(prices)
    ]


def test_the_engine_reads_no_future_tick() -> None:
    feature_set = FeatureSet.load("default")
    found = future_ticks(engine_features(RealTimeFeatureEngine(feature_set)), ticks(), feature_set.outputs)
    assert found.passed is True
    assert f"no feature of {len(feature_set.outputs)} changes" in found.words


@pytest.mark.parametrize("ahead", [1, 20])
def test_a_feature_that_looks_ahead_is_named(ahead: int) -> None:
    def features(seen: Sequence[Tick]) -> F64:
        prices = np.array([tick.price for tick in seen], np.float64)
        peek = np.concatenate((prices[ahead:], np.full(min(ahead, len(prices)), np.nan)))
        return np.column_stack((prices, peek))

    found = check(market(n=1_000), ticks=ticks(), features=features, names=("price", "peek"))[-1]
    assert found.check == leaks.TICKS
    assert found.passed is False
    assert found.words == "features change with ticks that come after them: peek."


def test_a_feature_scaled_by_the_whole_history_is_named_by_its_place() -> None:
    def features(seen: Sequence[Tick]) -> F64:
        prices = np.array([tick.price for tick in seen], np.float64)
        return np.asarray(((prices - prices.mean()) / prices.std())[:, None])

    assert future_ticks(features, ticks(), ()).words.endswith(": 0.")
