"""The keys of a feature-set file besides its name and its indicators."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.feature_set_options import Derived
from tests.streams.reference import ticks

FULL = """
name = "mine"
indicators = ["rsi_14", "rsi_14@60s", "bbands@100t.live", "beta_60@1m~n225"]
bars = ["5m"]
publish_bars = false
history = ["rsi_14", "mood"]
mark_grace_ms = 250
[references]
n225 = "N225"
[sessions]
calendar = "XTKS"
symbols = { AAPL = "XNYS" }
[gaps]
silence_s = 60
sequence = true
[stale]
trade_s = 60
quote_s = 10
bar_s = 180
outputs = { rsi_14 = 5 }
[derived.golden]
kind = "cross"
of = ["price", "bb_middle@100t.live"]
[derived.mood]
kind = "agreement"
of = [["price", "bb_middle@100t.live"], ["rsi_14", 50]]
"""


def test_a_full_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FULL, encoding="utf-8")
    feature_set = FeatureSet.load(path)
    options = feature_set.options
    assert feature_set.outputs == (
        "rsi_14",
        "rsi_14@1m",
        "bb_upper@100t.live",
        "bb_middle@100t.live",
        "bb_lower@100t.live",
        "bb_percent_b@100t.live",
        "bb_bandwidth@100t.live",
        "beta_60@1m~n225",
        "golden",
        "mood",
    )
    assert feature_set.warmup == (15, 15, 20, 20, 20, 20, 20, feature_set.warmup[7], 20, 20)
    assert feature_set.history == ("rsi_14", "mood")
    assert [interval.name for interval in feature_set.intervals] == ["5m", "1m", "100t"]
    assert feature_set.references == ("N225",)
    assert (options.calendar, options.calendars) == ("XTKS", (("AAPL", "XNYS"),))
    assert (options.silence_s, options.sequence, options.publish_bars) == (60.0, True, False)
    assert (options.trade_s, options.quote_s, options.bar_s) == (60.0, 10.0, 180.0)
    assert options.stale_outputs == (("rsi_14", 5.0),)
    assert options.mark_grace_ms == 250
    assert options.derived == (
        Derived("golden", "cross", (("price", "bb_middle@100t.live"),)),
        Derived("mood", "agreement", (("price", "bb_middle@100t.live"), ("rsi_14", 50.0))),
    )


def test_without_any_of_them_nothing_is_done() -> None:
    feature_set = FeatureSet.of("plain", "sma_3", "rsi_14")
    options = feature_set.options
    assert (options.silence_s, options.sequence, options.trade_s, options.quote_s, options.bar_s) == (
        None,
        False,
        *[None] * 3,
    )
    assert (options.calendar, options.derived, options.references, feature_set.intervals) == ("24/7", (), (), ())
    assert feature_set.history == feature_set.outputs


CHANGES: tuple[dict[str, Any], ...] = (
    {"bars": ["5m"]},
    {"references": {"n225": "N225"}},
    {"references": {"n225": "N226"}},
    {"sessions": {"calendar": "XTKS"}},
    {"sessions": {"symbols": {"A": "XTKS"}}},
    {"gaps": {"silence_s": 5}},
    {"gaps": {"silence_s": 6}},
    {"gaps": {"sequence": True}},
    {"stale": {"trade_s": 5}},
    {"stale": {"quote_s": 5}},
    {"stale": {"bar_s": 5}},
    {"stale": {"outputs": {"sma_3": 5}}},
    {"derived": {"up": {"kind": "cross", "of": ["sma_3", 5]}}},
    {"derived": {"up": {"kind": "cross", "of": [5, "sma_3"]}}},
    {"derived": {"down": {"kind": "cross", "of": ["sma_3", 5]}}},
    {"derived": {"up": {"kind": "agreement", "of": [["sma_3", 5]]}}},
    {"mark_grace_ms": 0},
)


def test_what_changes_the_meaning_changes_the_version() -> None:
    sets = [FeatureSet.of("mine", "sma_3", **changes) for changes in ({}, *CHANGES)]
    assert len({feature_set.version for feature_set in sets}) == len(sets)


def test_what_changes_no_meaning_leaves_the_version() -> None:
    base = {"bars": ["1m"], "sessions": {"symbols": {"A": "XTKS", "B": "XNYS"}}}
    same = [
        FeatureSet.of("mine", "sma_3", "sma_3@1m", **changes)
        for changes in (
            base,
            base | {"history": ["sma_3"]},
            base | {"publish_bars": False},
            base | {"bars": []},
            base | {"sessions": {"symbols": {"B": "XNYS", "A": "XTKS"}, "calendar": "24/7"}},
            base | {"stale": {}, "gaps": {}, "mark_grace_ms": 1000},
        )
    ]
    assert len({feature_set.version for feature_set in same}) == 1


PAIR = {"kind": "cross", "of": ["sma_3", "ema_3"]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bar": ["1m"]}, "unknown key 'bar'; did you mean 'bars'?"),
        ({"bars": "1m"}, "bars = '1m': write a list of names, for example ['1m', '100t']"),
        ({"bars": ["7m"]}, "bars: interval '7m' does not divide the day; use"),
        ({"bars": ["1m", "60s"]}, "bars: '60s' is there already; remove one"),
        ({"publish_bars": "no"}, "publish_bars = 'no': write true or false"),
        ({"history": ["sma_30"]}, "history: 'sma_30' is no output of this set; did you mean 'sma_3'"),
        ({"history": ["sma_3", "sma_3"]}, "history: 'sma_3' is there twice; remove one"),
        ({"history": 3}, "history = 3: write a list of names"),
        ({"mark_grace_ms": 1.5}, "mark_grace_ms = 1.5: write whole milliseconds, 0 to 3600000"),
        ({"mark_grace_ms": -1}, "mark_grace_ms = -1"),
        ({"mark_grace_ms": True}, "mark_grace_ms = True"),
        ({"references": ["N225"]}, "references = ['N225']: write a table, [references]"),
        ({"references": {"N225": "N225"}}, "references: alias 'N225': write 1 to 16 of a-z 0-9 _, for example 'n225'"),
        ({"references": {"n225": "N 225"}}, "references.n225 = 'N 225': write a symbol, for example 'N225'"),
        ({"references": {"n225": 225}}, "references.n225 = 225"),
        ({"sessions": "XTKS"}, "sessions = 'XTKS': write a table, [sessions]"),
        ({"sessions": {"calender": "XTKS"}}, "unknown key 'sessions.calender'; did you mean 'calendar'?"),
        ({"sessions": {"calendar": 5}}, "sessions.calendar = 5: write the name of a calendar, for example 'XTKS', or"),
        ({"sessions": {"symbols": {"A B": "XTKS"}}}, "sessions.symbols: 'A B' is no symbol"),
        ({"sessions": {"symbols": {"A": 5}}}, "sessions.symbols.A = 5: write the name of a calendar"),
        ({"gaps": {"silence": 5}}, "unknown key 'gaps.silence'; did you mean 'silence_s'?"),
        ({"gaps": {"silence_s": 0}}, "gaps.silence_s = 0: write seconds above 0, or leave it out"),
        ({"gaps": {"silence_s": "5"}}, "gaps.silence_s = '5'"),
        ({"gaps": {"silence_s": float("nan")}}, "gaps.silence_s = nan"),
        ({"gaps": {"silence_s": True}}, "gaps.silence_s = True"),
        ({"gaps": {"sequence": 1}}, "gaps.sequence = 1: write true or false"),
        ({"stale": {"trades": 1}}, "unknown key 'stale.trades'; did you mean 'trade_s'?"),
        ({"stale": {"bar_s": -1}}, "stale.bar_s = -1: write seconds above 0"),
        ({"stale": {"outputs": {"sma": 1}}}, "stale.outputs: 'sma' is no output of an indicator here; did you mean"),
        ({"stale": {"outputs": {"sma_3": 0}}}, "stale.outputs.sma_3 = 0: write seconds above 0"),
        ({"derived": {"sma_3": PAIR}}, "derived.sma_3: an indicator has that output; choose another name"),
        ({"derived": {"price": PAIR}}, "derived.price: write a name of 1 to 32 of a-z 0-9 _ (and not 'price')"),
        ({"derived": {"Up": PAIR}}, "derived.Up: write a name"),
        ({"derived": {"up": 5}}, "derived.up = 5: write a table, [derived.up]"),
        ({"derived": {"up": {"kind": "crosses"}}}, "derived.up.kind = 'crosses': write 'cross' or 'agreement'"),
        ({"derived": {"up": {**PAIR, "off": 1}}}, "unknown key 'derived.up.off'; did you mean 'of'?"),
        ({"derived": {"up": {"kind": "cross"}}}, "derived.up.of: None: write two outputs, or one and a number"),
        ({"derived": {"up": {"kind": "cross", "of": [1, 2]}}}, "derived.up.of: [1, 2]: write two outputs, or one"),
        ({"derived": {"up": {"kind": "cross", "of": ["sma_3"]}}}, "derived.up.of: ['sma_3']: write two"),
        ({"derived": {"up": {"kind": "cross", "of": ["sma_3", True]}}}, "derived.up.of"),
        ({"derived": {"up": {"kind": "cross", "of": ["sma_4", 1]}}}, "derived.up.of: 'sma_4' is no output of an"),
        ({"derived": {"up": PAIR, "two": {"kind": "cross", "of": ["up", 1]}}}, "derived.two.of: 'up' is no output"),
        ({"derived": {"up": {"kind": "agreement", "of": []}}}, "derived.up.of = []: write pairs, for example"),
        ({"derived": {"up": {"kind": "agreement", "of": ["sma_3", "ema_3"]}}}, "derived.up.of: 'sma_3': write two"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_naming_key_value_and_remedy(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        FeatureSet.of("mine", "sma_3", "ema_3", **options)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beta_60~n224", "indicators: 'beta_60~n224': [references] has no 'n224'; did you mean '~n225'?"),
        ("beta_60~other", "indicators: 'beta_60~other': [references] has no 'other'; write other = 'SYMBOL' there"),
        ("sma_3@60s", "indicators: 'sma_3@60s' is there already (as 'sma_3@1m'); remove one"),
    ],
)
def test_an_indicator_that_does_not_fit_the_rest_is_refused(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        FeatureSet.of("mine", "sma_3@1m", name, references={"n225": "N225"})
    assert said in str(error.value)


def test_a_live_variant_shares_the_state_of_its_closed_bars() -> None:
    live, both = FeatureSet.of("a", "rsi_14@1m.live"), FeatureSet.of("b", "rsi_14@1m.live", "rsi_14@1m")
    assert live.width == both.width
    assert both.slots[0] == both.slots[1] == live.slots[0]
    assert live.version != both.version


def test_a_row_can_be_looked_into(tmp_path: Path) -> None:
    feature_set = FeatureSet.of(
        "mine", "macd", "sma_3", "sma_3@2t", "sma_3@2t.live", derived={"up": {"kind": "cross", "of": ["sma_3", 2]}}
    )
    engine = RealTimeFeatureEngine(feature_set, cache_dir=tmp_path)
    block = engine.new_block()
    assert feature_set.last_values(block.state[block.add("A")]) == dict.fromkeys(
        ("macd", "macd_signal", "macd_hist", "sma_3", "sma_3@2t"), 0.0
    )
    engine.fold(block, np.zeros(7, dtype=np.int32), ticks([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))
    shown = feature_set.last_values(block.state[0])
    assert (shown["sma_3"], shown["sma_3@2t"]) == (6.0, 4.0)
