"""The ensemble: what it makes of its members' opinions, whatever the batch, and what it refuses."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.decisions import ACTIONS, BUY, HOLD, SELL, WARMING, Decisions
from agents.decision.ensemble import ACT_ABOVE, RULES, EnsembleSystem, rules_for
from streams.columns import F64
from streams.errors import ConfigError
from tests.agents.decision import reference
from tests.agents.decision.reference import OUTPUTS, Row, matrix_of, mirrored, rows, scaled


class Fixed:
    """A member that says what the feature `said` holds."""

    def __init__(self, name: str = "fixed", said: str = "said") -> None:
        self.name = name
        self.inputs = (said,)

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:  # noqa: ARG002  # the Member protocol
        return columns[self.inputs[0]]


def decide(system: EnsembleSystem, batch: Sequence[Row]) -> Decisions:
    """The decisions about rows in one batch."""
    return system.decide(*matrix_of(batch))


def bits(decisions: Decisions) -> list[bytes | list[str | None]]:
    """Everything that is decided per record, exactly."""
    fields = (getattr(decisions, field.name) for field in dataclasses.fields(decisions) if field.name != "weights")
    return [x.tobytes() if isinstance(x, np.ndarray) else x for x in fields if isinstance(x, (np.ndarray, list))]


@given(batch=st.lists(rows(nulls=True), max_size=12), weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_equals_its_plain_definition(batch: list[Row], weights: list[float]) -> None:
    names = [rule.name for rule in RULES]
    decisions = decide(EnsembleSystem(OUTPUTS, weights=dict(zip(names, weights, strict=True))), batch)
    assert len(decisions) == len(batch)
    for i, row in enumerate(batch):
        opinions = [
            reference.RULES[rule.name](row) if all(math.isfinite(row[x]) for x in (*rule.inputs, "price")) else math.nan
            for rule in RULES
        ]
        expected, shares = reference.pooled(opinions, weights)
        answered = not math.isnan(expected)
        probability = expected if answered else 0.5
        sd_bps = (row["bb_upper"] - row["bb_lower"]) / 4 / row["price"] * 10_000
        assert decisions.members[i] == pytest.approx(opinions, abs=1e-9, nan_ok=True)
        assert decisions.effective_weights[i] == pytest.approx(shares, abs=1e-12)
        assert decisions.probability_up[i] == pytest.approx(probability, abs=1e-9)
        assert decisions.confidence[i] == pytest.approx(abs(2 * probability - 1), abs=1e-9)
        assert decisions.risk[i] == pytest.approx(sd_bps, rel=1e-9, nan_ok=True)
        gain = sd_bps * (2 * probability - 1) if answered else math.nan
        assert decisions.expected_return_bps[i] == pytest.approx(gain, rel=1e-6, abs=1e-6, nan_ok=True)
        assert decisions.reason[i] == (None if answered else WARMING)


@given(batch=st.lists(rows(nulls=True), min_size=1, max_size=60), data=st.data())
def test_the_bits_do_not_depend_on_how_a_batch_is_cut(batch: list[Row], data: st.DataObject) -> None:
    system = EnsembleSystem(OUTPUTS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(batch)), max_size=5)))
    whole = decide(system, batch)
    parts = [decide(system, batch[a:b]) for a, b in zip([0, *cuts], [*cuts, len(batch)], strict=True)]
    for field in ("probability_up", "confidence", "action", "expected_return_bps", "risk", "members"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        assert joined.tobytes() == getattr(whole, field).tobytes(), field
    assert [reason for part in parts for reason in part.reason] == whole.reason


def test_the_bits_of_a_large_batch_are_those_of_its_records_alone() -> None:
    random = np.random.default_rng(20260101)
    values = random.normal(100, 1, (1003, len(OUTPUTS)))
    values[:, OUTPUTS.index("bb_upper")] += 5
    price = random.normal(100, 1, 1003)
    system = EnsembleSystem(OUTPUTS)
    whole = system.decide(values, price)
    alone = [system.decide(values[i : i + 1], price[i : i + 1]) for i in range(1003)]
    for field in ("probability_up", "expected_return_bps", "members", "effective_weights"):
        assert np.concatenate([getattr(one, field) for one in alone]).tobytes() == getattr(whole, field).tobytes()


@given(batch=st.lists(rows(nulls=True), min_size=1, max_size=20))
def test_the_bits_do_not_depend_on_how_the_numbers_lie_in_memory(batch: list[Row]) -> None:
    system = EnsembleSystem(OUTPUTS)
    values, price = matrix_of(batch)
    wide = np.full((2 * len(batch), len(OUTPUTS) + 3), 7.0)
    wide[::2, :-3] = values
    fixed = values.copy()
    fixed.flags.writeable = False
    expected = bits(system.decide(values, price))
    for other in (np.asfortranarray(values), wide[::2, :-3], fixed):
        assert bits(system.decide(other, np.repeat(price, 2)[::2])) == expected


@given(row=rows(), power=st.integers(-20, 20))
def test_mirror_and_unit(row: Row, power: int) -> None:
    system = EnsembleSystem(OUTPUTS)
    plain, mirror, doubled = (
        decide(system, [row]),
        decide(system, [mirrored(row)]),
        decide(system, [scaled(row, 2.0**power)]),
    )
    assert plain.probability_up[0] + mirror.probability_up[0] == pytest.approx(1, abs=1e-6)
    assert plain.risk[0] == pytest.approx(mirror.risk[0], rel=1e-6)
    assert plain.expected_return_bps[0] == pytest.approx(-mirror.expected_return_bps[0], abs=1e-3)
    assert bits(doubled) == bits(plain)


@given(said=st.floats(0, 1), act_above=st.floats(0, 0.99))
def test_it_acts_above_its_threshold_only(said: float, act_above: float) -> None:
    system = EnsembleSystem(["said"], members=[Fixed()], act_above=act_above)
    decisions = system.decide(np.array([[said]]), np.ones(1))
    edge = 2 * decisions.probability_up[0] - 1
    assert decisions.action[0] == (BUY if edge > act_above else SELL if -edge > act_above else HOLD)


def test_the_actions_by_name() -> None:
    system = EnsembleSystem(["said"], members=[Fixed()], act_above=0.5)
    decisions = system.decide(np.array([[0.75001], [0.74999], [0.5], [0.25001], [0.24999]]), np.ones(5))
    assert [ACTIONS[code] for code in decisions.action] == ["buy", "hold", "hold", "hold", "sell"]


def test_at_the_threshold_it_holds() -> None:
    undecided = EnsembleSystem(["said"], members=[Fixed()], act_above=0.0)
    assert undecided.decide(np.array([[0.5]]), np.ones(1)).action.tolist() == [HOLD]


def test_while_nothing_is_ready_it_holds_and_says_why() -> None:
    decisions = EnsembleSystem(OUTPUTS).decide(np.full((2, len(OUTPUTS)), math.nan), np.array([100.0, math.nan]))
    assert decisions.probability_up.tolist() == [0.5, 0.5]
    assert decisions.confidence.tolist() == [0, 0]
    assert decisions.action.tolist() == [HOLD, HOLD]
    assert decisions.reason == [WARMING, WARMING]
    assert np.isnan([decisions.expected_return_bps, decisions.risk]).all()
    assert np.isnan(decisions.members).all()
    assert decisions.effective_weights.tolist() == [[0, 0, 0]] * 2


@given(row=rows())
def test_the_members_that_are_ready_decide_for_the_others(row: Row) -> None:
    early = row | dict.fromkeys(("sma_50", "macd_hist"), math.nan)
    decisions = decide(EnsembleSystem(OUTPUTS), [early])
    assert decisions.effective_weights.tolist() == [[0, 1, 0]]
    assert decisions.reason == [None]
    assert decisions.probability_up[0] == pytest.approx(decisions.members[0, 1], abs=1e-12)


def test_a_flat_market_is_held_without_a_reason() -> None:
    flat = dict.fromkeys([*OUTPUTS, "price"], 100.0) | {"rsi_14": 50.0, "macd_hist": 0.0, "bb_percent_b": math.nan}
    decisions = decide(EnsembleSystem(OUTPUTS), [flat])
    assert decisions.members.tolist() == [[0.5, 0.5, 0.5]]
    assert (decisions.probability_up[0], decisions.confidence[0], decisions.risk[0]) == (0.5, 0, 0)
    assert decisions.action.tolist() == [HOLD]
    assert decisions.reason == [None]


def test_without_bands_there_is_no_risk_to_name() -> None:
    decisions = EnsembleSystem(["said"], members=[Fixed()]).decide(np.array([[0.9]]), np.ones(1))
    assert math.isnan(decisions.risk[0])
    assert math.isnan(decisions.expected_return_bps[0])
    assert decisions.action.tolist() == [BUY]


def test_a_price_that_is_not_positive_counts_as_none() -> None:
    row = dict.fromkeys(OUTPUTS, 100.0) | {"bb_upper": 102.0}
    decisions = decide(EnsembleSystem(OUTPUTS), [row | {"price": 0.0}, row | {"price": -1.0}])
    assert decisions.reason == [WARMING, WARMING]
    assert np.isnan(decisions.risk).all()


@given(st.lists(st.floats(0, 1e308), min_size=3, max_size=3).filter(any))
def test_weights_sum_to_one(weights: list[float]) -> None:
    system = EnsembleSystem(OUTPUTS, weights=dict(zip(("momentum", "trend", "mean_reversion"), weights, strict=True)))
    assert system.weights.sum() == pytest.approx(1, abs=1e-12)
    assert system.names == ("trend", "mean_reversion", "momentum")
    assert np.argmax(system.weights) in np.flatnonzero(np.array(weights)[[1, 2, 0]] >= 0.999 * max(weights))


def test_equal_weights_unless_told() -> None:
    system = EnsembleSystem(OUTPUTS)
    assert system.weights == pytest.approx([1 / 3] * 3, abs=1e-15)
    decisions = system.decide(np.ones((1, len(OUTPUTS))), np.ones(1))
    assert decisions.weights is system.weights
    with pytest.raises(ValueError, match="read-only"):
        decisions.weights[0] = 1


def test_names_and_defaults() -> None:
    system = EnsembleSystem(OUTPUTS)
    assert (system.model, system.horizon_ms, system.act_above) == ("rules@1", 10_000, ACT_ABOVE)
    system.warm_up()
    other = EnsembleSystem(OUTPUTS, name="mine", version="7", horizon_ms=500)
    decisions = other.decide(np.ones((1, len(OUTPUTS))), np.ones(1))
    assert (other.model, decisions.names, decisions.horizon_ms) == ("mine@7", other.names, 500)


def test_no_records_no_decisions() -> None:
    decisions = EnsembleSystem(OUTPUTS).decide(np.empty((0, len(OUTPUTS))), np.empty(0))
    assert len(decisions) == 0
    assert decisions.members.shape == (0, 3)


def test_the_order_of_the_outputs_is_free() -> None:
    random = np.random.default_rng(7)
    values, price = random.normal(100, 1, (50, len(OUTPUTS))), random.normal(100, 1, 50)
    order = random.permutation(len(OUTPUTS))
    shuffled = EnsembleSystem([OUTPUTS[place] for place in order]).decide(values[:, order], price)
    assert bits(shuffled) == bits(EnsembleSystem(OUTPUTS).decide(values, price))


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        ([*OUTPUTS[:5], *OUTPUTS[6:]], {}, "member 'mean_reversion' needs the feature 'rsi_14'.*feature-set file"),
        ([], {}, "member 'trend' needs the feature 'ema_12'"),
        (OUTPUTS, {"members": ()}, "at least one member"),
        (["said"], {"members": (Fixed(), Fixed())}, "'fixed' is there twice"),
        (OUTPUTS, {"weights": {"trend": 1.0, "momentum": 1.0}}, "'mean_reversion' has no weight; give.*trend, mean"),
        (OUTPUTS, {"weights": {"trend": 1.0, "mean": 1.0}}, "'mean' is no member"),
        (OUTPUTS, {"weights": {"trend": 1.0, "mean_reversion": -0.5, "momentum": 1.0}}, "has -0.5; a weight is"),
        (OUTPUTS, {"weights": {"trend": 1.0, "mean_reversion": math.nan, "momentum": 1.0}}, "has nan"),
        (OUTPUTS, {"weights": {"trend": math.inf, "mean_reversion": 1.0, "momentum": 1.0}}, "has inf"),
        (OUTPUTS, {"weights": {"trend": 0.0, "mean_reversion": 0.0, "momentum": 0.0}}, "every one is 0"),
        (OUTPUTS, {"horizon_ms": 0}, "horizon_ms=0: .*at least 1 ms"),
        (OUTPUTS, {"act_above": 1.0}, r"act_above=1.0: .*\[0, 1\)"),
        (OUTPUTS, {"act_above": -0.1}, "act_above=-0.1"),
        (OUTPUTS, {"act_above": math.nan}, "act_above=nan"),
    ],
)
def test_refuses_by_name(outputs: list[str], options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EnsembleSystem(outputs, **options)  # type: ignore[arg-type]  # some of them are wrong on purpose


@pytest.mark.parametrize("shapes", [((3, 13), (3,)), ((3, 14), (2,)), ((14,), (1,)), ((3, 14), (3, 1))])
def test_refuses_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"give \[n, 14\]"):
        EnsembleSystem(OUTPUTS).decide(np.ones(shapes[0]), np.ones(shapes[1]))


def test_refuses_a_member_that_leaves_records_out() -> None:
    class Short(Fixed):
        def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:
            return super().probability_up(columns, price)[:1]

    with pytest.raises(ValueError, match=r"member fixed gave probabilities of shape \(1,\) for 2 records"):
        EnsembleSystem(["said"], members=[Short()]).decide(np.ones((2, 1)), np.ones(2))


def test_rules_that_fit_a_feature_set() -> None:
    assert [member.name for member in rules_for(OUTPUTS)] == ["trend", "mean_reversion", "momentum"]
    assert [member.name for member in rules_for([*"xyz", "bb_upper", "bb_middle", "bb_lower", "rsi_14"])] == [
        "mean_reversion"
    ]
    system = EnsembleSystem(["x"], members=rules_for(["x"]))
    decisions = system.decide(np.ones((2, 1)), np.array([1.0, math.nan]))
    assert decisions.reason == ["no-member"] * 2
    assert decisions.confidence.tolist() == [0.0, 0.0]
