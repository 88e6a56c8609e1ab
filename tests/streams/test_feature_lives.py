"""The table `[ttl]` of a feature-set file."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feature_lives import Lives
from streams.feature_set import FeatureSet

NAMES = ("rsi_14", "rsi_7", "sma_5", "mid", "ema_cross")


def made(ttl: Any, **more: Any) -> FeatureSet:
    derived = {"ema_cross": {"kind": "cross", "of": ["sma_5", 1]}}
    return FeatureSet.of("x", "rsi_14", "rsi_7", "sma_5", "mid", derived=derived, ttl=ttl, **more)


def test_without_it_every_output_has_the_setting() -> None:
    assert made({}).history_ttls(300) == dict.fromkeys(NAMES, 300)


def test_name_over_pattern_over_group_over_all() -> None:
    table = {
        "latest": 3_600,
        "history": 60,
        "groups": {"momentum": 120, "microstructure": 10, "derived": 5},
        "outputs": {"rsi_?": 30, "rsi_*": 40, "rsi_14": 900},
    }
    made_set = made(table)
    assert made_set.history_ttls(300) == {"rsi_14": 900, "rsi_7": 30, "sma_5": 60, "mid": 10, "ema_cross": 5}
    assert made_set.options.ttl.latest == 3_600
    assert made(table, history=["sma_5"]).history_ttls(300) == {"sma_5": 60}
    assert made({"groups": {"trend": 7}}).history_ttls(300)["sma_5"] == 7


def test_it_does_not_change_what_a_feature_means() -> None:
    assert made({"history": 60}).version == made({}).version


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], r"ttl = \[\]: write a table"),
        ({"histori": 5}, r"unknown key 'ttl.histori'; did you mean 'history'\?"),
        ({"history": 0}, r"ttl.history = 0: write whole seconds, 1 to 31536000"),
        ({"latest": True}, r"ttl.latest = True"),
        ({"latest": 1.5}, r"ttl.latest = 1.5"),
        ({"groups": 5}, r"ttl.groups = 5: write a table"),
        ({"groups": {"momentun": 5}}, r"ttl.groups: no output here is of group 'momentun'; did you mean 'momentum'"),
        ({"groups": {"volume": 5}}, r"group 'volume'; there are derived, microstructure, momentum, trend"),
        ({"outputs": {"rsi_15": 5}}, r"ttl.outputs: 'rsi_15' is no output of this set; did you mean"),
        ({"outputs": {"macd*": 5}}, r"'macd\*' is no output"),
        ({"outputs": {"rsi_14": "x"}}, r"ttl.outputs.rsi_14 = 'x'"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(table)


@given(st.dictionaries(st.sampled_from([*NAMES, "rsi_*", "*", "s[mp]*"]), st.integers(1, 10**6), max_size=5))
def test_every_output_has_one_life(outputs: dict[str, int]) -> None:
    lives = Lives.read({"outputs": outputs})
    for name in NAMES:
        life = lives.of(name, "trend", 77)
        assert life in {*outputs.values(), 77}
        assert life == outputs.get(name, life)
