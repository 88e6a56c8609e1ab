"""The slow fold against the kernel: random streams of everything, a start in the middle, and the default set."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.audit.saved import resume
from streams.audit.symbol import Recomputed
from streams.columns import CLOCK, TickColumns
from streams.definitions.exchange_hours import Exchange, Hours, Market, RoundTheClock
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.history import history_of
from streams.state_block import StateBlock
from tests.streams.audit.agreement import S, disagreements
from tests.streams.markets import EVERY_S, SEGMENTS, SYMBOLS, columns_of, sessions, streams
from tests.streams.reference_state import Event

SMALL = (
    "sma_3", "ema_3", "rsi_2", "macd_2_3_2", "bbands_3_2", "kama_2", "linreg_3", "donchian_3", "cci_3", "roc_2",
    "tsi_3_2", "rv_3", "bipower_3", "ewma_vol_0.5", "vwap", "obv", "volume_z_3", "dollar_volume_3", "spread", "mid",
    "weighted_mid", "queue_imbalance", "ofi_3", "signed_volume_3", "kyle_3", "roll_3", "effective_spread_3",
    "intensity_2", "trade_age", "ret_2", "zscore_3", "drawdown", "session_time", "rsi_2@2s", "rsi_2@2s.live",
    "macd_2_3_2@3t", "adx_2@2s", "atr_2@2s.live", "stoch_3_2_2@2s", "mfi_2@5v", "supertrend_2_1@2s", "parkinson_2@2s",
    "garman_klass_2@2s", "vwap@3t.live",
)  # fmt: skip
LATENESS_NS = 3 * S


def small() -> FeatureSet:
    return FeatureSet.of(
        "small",
        *SMALL,
        gaps={"silence_s": 4, "sequence": True},
        stale={"trade_s": 1.5, "quote_s": 0.5, "bar_s": 3, "outputs": {"sma_3": 60}},
        derived={
            "crossed": {"kind": "cross", "of": ["price", "sma_3"]},
            "agreed": {"kind": "agreement", "of": [["price", "mid"], ["rsi_2", 50]]},
        },
        mark_grace_ms=500,
        publish_bars=False,
    )


def hours() -> Exchange:
    """The calendar of SEGMENTS: each session is two stretches with a pause between them."""
    pairs = zip(SEGMENTS[::2], SEGMENTS[1::2], strict=True)
    return Exchange([Hours(first[0], second[1], first[1], second[0]) for first, second in pairs])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    made = RealTimeFeatureEngine(small(), lateness_ns=LATENESS_NS, cache_dir=tmp_path_factory.mktemp("kernels"))
    made.sessions = sessions()
    made.warm_up()
    return made


def maker(feature_set: FeatureSet) -> Callable[[str], Recomputed]:
    markets: dict[str, Market] = {"A": hours(), "B": RoundTheClock()}
    return lambda symbol: Recomputed(feature_set, markets[symbol], lateness_ns=LATENESS_NS)


def rows_and_columns(block: StateBlock, events: list[Event]) -> tuple[list[str], TickColumns, np.ndarray]:
    plain = [Event(**{**vars(event), "reference": ()}) for event in events]
    rows, columns = columns_of(plain)
    for symbol in SYMBOLS:
        if block.find(symbol) < 0:
            block.add(symbol)
    return [event.symbol for event in plain], columns, rows


def test_the_pauses_are_where_the_segments_have_them() -> None:
    assert EVERY_S == 120
    assert hours().at(SEGMENTS[1][0] - 1).phase == 2


@given(events=streams(references=0, most=90))
@settings(max_examples=40)
def test_every_value_and_flag_is_allowed(engine: RealTimeFeatureEngine, events: list[Event]) -> None:
    block = engine.new_block()
    symbols, columns, rows = rows_and_columns(block, events)
    folded = engine.fold(block, rows, columns)
    found, _ = disagreements(symbols, columns, folded, maker(engine.feature_set))
    assert not found


@given(events=streams(references=0, most=90), data=st.data())
@settings(max_examples=40)
def test_it_goes_on_from_a_saved_row(engine: RealTimeFeatureEngine, events: list[Event], data: st.DataObject) -> None:
    block = engine.new_block()
    symbols, columns, rows = rows_and_columns(block, events)
    cut = data.draw(st.integers(0, len(events)))
    engine.fold(block, rows[:cut], columns.take(slice(0, cut)))
    make, known = maker(engine.feature_set), {}
    for symbol in SYMBOLS:
        known[symbol] = make(symbol)
        i = block.find(symbol)
        resume(known[symbol], int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i].copy())
    rest = columns.take(slice(cut, None))
    folded = engine.fold(block, rows[cut:], rest)
    found, _ = disagreements(symbols[cut:], rest, folded, make, known=known)
    assert not found


def test_the_default_set_over_a_simulated_market_from_the_start_and_from_rows() -> None:
    feature_set = FeatureSet.load("default")
    engine = RealTimeFeatureEngine(feature_set)
    ticks = list(islice(simulate(2, 20.0, seed=7, start_ns=1_700_000_000 * S), 6_000))
    history = history_of(ticks, None, None, ())
    symbols = [s if isinstance(s, str) else s.decode() for s in history.symbols]
    block = engine.new_block()
    rows = np.array([block.find(s) if block.find(s) >= 0 else block.add(s) for s in symbols], np.int32)
    market = RoundTheClock()

    def make(_symbol: str) -> Recomputed:
        return Recomputed(feature_set, market)

    known: dict[str, Recomputed] = {}
    cut = 3_500
    head = engine.fold(block, rows[:cut], history.columns.take(slice(0, cut)))
    found, _ = disagreements(symbols[:cut], history.columns.take(slice(0, cut)), head, make, every=25, known=known)
    assert not found
    resumed: dict[str, Recomputed] = {}
    for symbol in set(symbols):
        i = block.find(symbol)
        resumed[symbol] = make(symbol)
        resume(resumed[symbol], int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i].copy())
    rest = history.columns.take(slice(cut, None))
    tail = engine.fold(block, rows[cut:], rest)
    from_start, all_said = disagreements(symbols[cut:], rest, tail, make, every=25, known=known)
    from_row, said = disagreements(symbols[cut:], rest, tail, make, every=25, known=resumed)
    assert not from_start
    assert not from_row
    assert 0.85 * all_said < said <= all_said
    assert CLOCK == 1
