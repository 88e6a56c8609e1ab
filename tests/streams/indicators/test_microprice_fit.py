"""The fit of the microprice on a book whose Markov chain is known."""

from typing import NamedTuple

import numpy as np
import pytest

from streams.columns import F64, I64
from streams.errors import ConfigError
from streams.indicators.microprice import MICROPRICE
from streams.indicators.microprice_fit import MicropriceFit, fit
from tests.streams.indicators.stepping import Steps, drive

TICK = 0.01
LEANS = (-0.8, -0.4, 0.0, 0.4, 0.8)
BUCKETS = len(LEANS)
STATES = 2 * BUCKETS
"""Five imbalances at a spread of one tick, then five at two ticks."""


class Quotes(NamedTuple):
    """Columns of quotes."""

    bid: F64
    ask: F64
    bid_size: F64
    ask_size: F64


def chain() -> tuple[F64, F64]:
    """Transition probabilities, and moves of the mid in ticks with each transition, of a book with two spreads.

    A queue that is short is eaten up: the spread opens that way, by half a tick of the mid; an open spread closes the
    way of the longer queue. All of it is mirrored.
    """
    chances, moves = np.zeros((STATES, STATES)), np.zeros((STATES, STATES))
    for i, lean in enumerate(LEANS):
        for direction in (1, -1):
            # The queue behind the one that is eaten up is longer, the new one inside a spread is short.
            after = min(max(i - direction, 0), BUCKETS - 1)
            chances[i, BUCKETS + after] = 0.02 + 0.25 * max(direction * lean, 0.0) ** 2
            chances[BUCKETS + i, after] = 0.15 * (1.0 + direction * lean)
            moves[i, BUCKETS + after] = moves[BUCKETS + i, after] = 0.5 * direction
        for row, start in ((i, 0), (BUCKETS + i, BUCKETS)):
            left = 1.0 - chances[row].sum()
            for step in (-1, 0, 1):
                chances[row, start + min(max(i + step, 0), BUCKETS - 1)] += left / 3
    return chances, moves


def final_moves() -> F64:
    """By definition: how far the mid is expected to be away after very many transitions, in ticks, [2, buckets]."""
    chances, moves = chain()
    first = (chances * moves).sum(axis=1)
    away = np.zeros(STATES)
    for _ in range(5_000):
        away = first + chances @ away
    found: F64 = away.reshape(2, BUCKETS)
    return found


def book(states: I64, half_ticks: I64) -> Quotes:
    """Quotes of these states with the mids at these numbers of half ticks."""
    width = 1 + states // BUCKETS
    lean = np.asarray(LEANS)[states % BUCKETS]
    below = ((half_ticks - width) // 2).astype(np.float64)
    return Quotes(below * TICK, (below + width) * TICK, 50 * (1 + lean), 50 * (1 - lean))


def simulated(n: int, seed: int, drift: float = 0.0) -> Quotes:
    """n quotes of the chain; moves up are by `drift` likelier than they should be, moves down less likely."""
    chances, moves = chain()
    chances = chances * (1.0 + drift * np.sign(moves))
    ladder = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
    draws = np.random.default_rng(seed).random(n)
    states, mids = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    state, mid = 2, 20_001
    for k in range(n):
        states[k], mids[k] = state, mid
        following = min(int(np.searchsorted(ladder[state], draws[k], side="right")), STATES - 1)
        mid += int(2 * moves[state, following])
        state = following
    return book(states, mids)


QUOTES = simulated(60_000, seed=1)


@pytest.fixture(scope="module")
def fitted() -> MicropriceFit:
    return fit(*QUOTES, tick=TICK, buckets=BUCKETS, spreads=2)


def test_the_table_is_where_the_mid_ends_up(fitted: MicropriceFit) -> None:
    expected = final_moves()
    assert np.ptp(expected[0]) > 0.5, "the imbalance of this book does say something"
    np.testing.assert_allclose(fitted.table, expected, atol=0.03)
    assert fitted.visits.sum() == 2 * (len(QUOTES.bid) - 1)
    np.testing.assert_allclose(fitted.imbalance, [LEANS, LEANS], atol=1e-12)
    np.testing.assert_allclose(fitted.half_spread, [0.5, 1.0], atol=1e-9)


def test_a_book_and_its_mirror_image_have_one_table(fitted: MicropriceFit) -> None:
    mirrored = fit(
        400.0 - QUOTES.ask, 400.0 - QUOTES.bid, QUOTES.ask_size, QUOTES.bid_size, tick=TICK, buckets=BUCKETS, spreads=2
    )
    np.testing.assert_allclose(mirrored.table, fitted.table, atol=1e-9)
    assert np.array_equal(fitted.table, -fitted.table[:, ::-1])
    assert np.all(fitted.table[:, BUCKETS // 2] == 0.0)


def test_a_trend_in_the_sample_is_none_of_the_book() -> None:
    found = fit(*simulated(60_000, seed=2, drift=0.2), tick=TICK, buckets=BUCKETS, spreads=2)
    np.testing.assert_allclose(found.table, final_moves(), atol=0.06)


def test_spreads_beyond_the_last_are_one(fitted: MicropriceFit) -> None:
    pooled = fit(*QUOTES, tick=TICK, buckets=BUCKETS, spreads=1)
    assert pooled.table.shape == (1, BUCKETS)
    assert (pooled.wide_gain, pooled.wide_power) == (0.0, 1.0)
    three = fit(*QUOTES, tick=TICK, buckets=BUCKETS, spreads=3)
    np.testing.assert_allclose(three.table[:2], fitted.table, atol=1e-9)
    assert np.all(np.isnan(three.table[2]))
    assert three.distance == pytest.approx(fitted.distance)


def test_the_lookup_is_the_mid_and_its_table_entry(fitted: MicropriceFit) -> None:
    bid = np.array([100.0, 100.0, 100.0, 100.0, 100.01, 100.0, 100.0])
    ask = np.array([100.01, 100.02, 100.07, 100.0, 100.0, 100.01, 100.01])
    bid_size = np.array([9.0, 1.0, 1.0, 5.0, 5.0, 0.0, np.nan])
    ask_size = np.array([1.0, 9.0, 1.0, 5.0, 5.0, 0.0, 2.0])
    found = fitted.lookup(bid, ask, bid_size, ask_size)
    g = fitted.table * TICK
    np.testing.assert_allclose(found[:3], [100.005 + g[0, 4], 100.01 + g[1, 0], 100.035])
    assert np.all(np.isnan(found[3:]))


def test_the_name_says_the_fit(fitted: MicropriceFit) -> None:
    indicator = MICROPRICE.indicator(*map(float, fitted.name.split("_")[1:]))
    assert indicator.name == fitted.name
    assert indicator.parameters[0] == TICK
    shape = (fitted.gain, fitted.power, fitted.wide_gain, fitted.wide_power)
    np.testing.assert_allclose(indicator.parameters[1:], shape, atol=5e-5)
    steps = Steps(**{name: values[:2_000] for name, values in QUOTES._asdict().items()})
    ours, table = drive(indicator, steps)[:, 0], fitted.lookup(steps.bid, steps.ask, steps.bid_size, steps.ask_size)
    off = (ours - table) / TICK
    assert fitted.distance < 0.05
    assert np.sqrt(np.mean(off * off)) == pytest.approx(fitted.distance, rel=0.1)


def test_equal_queues_tell_nothing_whatever_their_size() -> None:
    found = fit(*QUOTES, tick=TICK)
    assert found.table.shape == (3, 11)
    assert found.lookup([10.0], [10.01], [7.0], [7.0]).tolist() == pytest.approx([10.005], abs=1e-12)


def test_quotes_that_break_the_chain_are_not_joined(fitted: MicropriceFit) -> None:
    columns = [np.insert(column, 30_000, np.nan) for column in QUOTES]
    broken = fit(*columns, tick=TICK, buckets=BUCKETS, spreads=2)
    assert broken.visits.sum() == fitted.visits.sum() - 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tick": 0.0}, "give a tick above 0"),
        ({"tick": TICK, "buckets": 4}, "an odd number of buckets"),
        ({"tick": TICK, "buckets": 1}, "an odd number of buckets"),
        ({"tick": TICK, "spreads": 0}, "1 spread or more"),
    ],
)
def test_parameters_out_of_range_are_named(given: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(*QUOTES, **given)  # type: ignore[arg-type]  # wrong on purpose


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="four columns of one length"):
        fit(QUOTES.bid, QUOTES.ask[:-1], QUOTES.bid_size, QUOTES.ask_size, tick=TICK)


def test_a_mid_that_never_moves_is_no_sample() -> None:
    n = np.ones(9)
    with pytest.raises(ConfigError, match="never moves in 9 quotes"):
        fit(10 * n, 10.01 * n, n, n, tick=TICK)


def test_states_that_are_never_left_are_refused() -> None:
    # One move, then for ever the same two states.
    bid = np.array([10.0, 10.01] + [10.01] * 20)
    bid_size = np.array([1.0, 9.0] + [9.0, 8.9] * 10)
    with pytest.raises(ConfigError, match="the mid never moves; give more quotes"):
        fit(bid, bid + TICK, bid_size, np.ones(22), tick=TICK, spreads=1)


def test_a_book_that_only_bounces_has_no_end() -> None:
    high = np.arange(40) % 2
    with pytest.raises(ConfigError, match="no end after"):
        fit(10.0 + TICK * high, 10.0 + TICK * (high + 1), 9.0 - 8 * high, 1.0 + 8 * high, tick=TICK)


def test_the_weighted_mid_is_the_straight_line() -> None:
    steps = Steps(bid=[10.0, 10.0], ask=[10.01, 10.05], bid_size=[3.0, 1.0], ask_size=[1.0, 4.0])
    rows = drive(MICROPRICE.indicator(TICK, 1.0, 1.0, 1.0, 1.0), steps)
    np.testing.assert_allclose(rows[:, 0], [10.0075, 10.01], rtol=1e-14)
