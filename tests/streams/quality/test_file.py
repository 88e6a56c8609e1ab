"""Files of filters: what they ask for, whose rules a symbol has, and what is refused by name."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError, TickRejected
from streams.quality import limits
from streams.quality.file import KEYS, READERS, filters_of, load_filters
from streams.quality.rules import NO_FILTERS, QualityFilters, QualityRules

EVERYTHING: dict[str, Any] = {
    "future_max_ms": 2000,
    "reject_duplicates": True,
    "duplicate_restart_s": 60,
    "hours_calendar": "XTKS",
    "hours_early_s": 1,
    "hours_late_s": 2.5,
    "conditions_allow": ["regular"],
    "conditions_deny": ["odd-lot", "late"],
    "price_min": 1,
    "price_max": 100_000,
    "size_min": 100,
    "size_max": 1e7,
    "trade_jump_max_bps": 300,
    "quote_jump_max_bps": 200,
    "jump_span_ticks": 1,
    "jump_agree_bps": 50,
    "jump_rearm_ticks": 3,
    "jump_rearm_s": 120,
    "reject_zero_sided": True,
    "reject_crossed": True,
    "reject_locked": True,
    "spread_max_bps": 500,
}


def test_every_key_is_read_and_every_field_is_a_key() -> None:
    assert set(EVERYTHING) == set(KEYS) == set(READERS) == {field.name for field in fields(QualityRules)}
    rules = filters_of({"default": EVERYTHING}).default
    assert {key: list(v) if isinstance(v := getattr(rules, key), tuple) else v for key in KEYS} == EVERYTHING
    assert all(getattr(rules, key) != getattr(QualityRules(), key) for key in KEYS)


def test_without_a_file_nothing_is_asked_for() -> None:
    assert load_filters("") is NO_FILTERS
    assert not NO_FILTERS.default.judges
    assert NO_FILTERS.limits.shape == (1, limits.LIMITS)
    assert NO_FILTERS.limits[0, limits.ANY] == 0.0
    assert not NO_FILTERS.judge_conditions


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "filters.toml"
    path.write_text(
        'allow = ["7203", "BTC/*"]\n[default]\nprice_min = 0.5\nreject_crossed = true\n'
        '[symbols."BTC/*"]\ntrade_jump_max_bps = 300\n[symbols."7203"]\nreject_crossed = false\nprice_max = 9999\n'
    )
    filters = load_filters(str(path))
    assert filters.allow == ("7203", "BTC/*")
    assert filters.of("ES") == QualityRules(price_min=0.5, reject_crossed=True)
    assert filters.of("BTC/USDT") == QualityRules(price_min=0.5, reject_crossed=True, trade_jump_max_bps=300.0)
    assert filters.of("7203") == QualityRules(price_min=0.5, price_max=9999.0)


def test_an_own_section_wins_over_patterns_and_the_first_pattern_over_the_next() -> None:
    filters = filters_of(
        {"symbols": {"B*": {"price_min": 1}, "BTC*": {"price_min": 2}, "BTC": {"price_min": 3}, "?TH": {"size_min": 1}}}
    )
    of = {symbol: filters.of(symbol).price_min for symbol in ("BTC", "BTC-X", "BX", "ETH", "b")}
    assert of == {"BTC": 3.0, "BTC-X": 1.0, "BX": 1.0, "ETH": 0.0, "b": 0.0}
    assert [filters.index(symbol) for symbol in ("BTC", "BTC-X", "ETH", "other")] == [3, 1, 4, 0]
    assert filters.limits[:, limits.PRICE_MIN].tolist() == [0.0, 1.0, 2.0, 3.0, 0.0]


def test_false_turns_off_in_a_section_what_the_default_asks_for() -> None:
    off = dict.fromkeys(("future_max_ms", "trade_jump_max_bps", "quote_jump_max_bps", "spread_max_bps"), False)
    off |= dict.fromkeys(("price_max", "size_max", "jump_rearm_s", "conditions_allow"), False)
    off |= dict.fromkeys(("reject_duplicates", "reject_zero_sided", "reject_crossed", "reject_locked"), False)
    filters = filters_of({"default": EVERYTHING, "symbols": {"X": off | {"hours_calendar": "24/7"}}})
    rules = filters.of("X")
    assert (rules.future_max_ms, rules.price_max, rules.conditions_allow, rules.jump_rearm_s) == (None,) * 4
    row = filters.limits[1]
    for at in ("FUTURE_NS", "PRICE_MAX", "SIZE_MAX", "SPREAD_BPS", "REARM_NS"):
        assert row[getattr(limits, at)] == np.inf
    assert row[limits.TRADE_JUMP_BPS] == row[limits.QUOTE_JUMP_BPS] == -1.0
    assert row[limits.HOURS] == row[limits.HOURS + 1]


def test_calendars_are_laid_behind_each_other() -> None:
    filters = filters_of({"default": {"hours_calendar": "XTKS"}, "symbols": {"AAPL": {"hours_calendar": "XNYS"}}})
    begins = filters.limits[:, [limits.HOURS, limits.HOURS + 1]].astype(int).tolist()
    assert len(filters.hours) == max(stop for _, stop in begins)
    assert all(stop - start > 1_000 for start, stop in begins)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"defaults": {}}, "unknown key 'defaults'; did you mean 'default'?"),
        ({"default": {"price_mix": 1}}, "unknown key 'default.price_mix'; did you mean 'price_mi"),
        ({"symbols": {"A": {"jump_bps": 1}}}, "unknown key 'symbols.\"A\".jump_bps'"),
        ({"default": 3}, "default = 3: write a table"),
        ({"symbols": {"A:B": {}}}, "symbols: 'A:B' fits no symbol"),
        ({"symbols": {"A": 1}}, 'symbols."A" = 1: write a table'),
        ({"allow": "A"}, "allow = 'A': write a list of texts"),
        ({"allow": ["A B"]}, "allow: 'A B' fits no symbol"),
        ({"default": {"price_min": -1}}, "default.price_min = -1: write a price in the symbol's own units, 0 or more"),
        ({"default": {"price_min": True}}, "default.price_min = True"),
        ({"default": {"price_max": "1"}}, "default.price_max = '1'"),
        ({"default": {"price_max": float("nan")}}, "default.price_max = nan"),
        ({"default": {"price_min": 2, "price_max": 2}}, "price_min = 2.0 is not below price_max = 2.0"),
        ({"default": {"size_min": 2, "size_max": 1}}, "size_min = 2.0 is not below size_max = 1.0"),
        ({"default": {"price_min": 2}, "symbols": {"A": {"price_max": 1}}}, 'symbols."A".price_min = 2.0'),
        ({"default": {"trade_jump_max_bps": 0}}, "write basis points, 0.001 to 1e+09, or false for none"),
        ({"default": {"jump_rearm_ticks": 1}}, "write a whole number of ticks, 2 to"),
        ({"default": {"jump_rearm_ticks": 2.0}}, "write a whole number of ticks, 2 to"),
        ({"default": {"jump_span_ticks": 0.5}}, "write ticks, 1 to"),
        ({"default": {"future_max_ms": -1}}, "write milliseconds, 0 to"),
        ({"default": {"duplicate_restart_s": False}}, "write seconds, 0 to"),
        ({"default": {"reject_crossed": 1}}, "default.reject_crossed = 1: write true or false"),
        ({"default": {"conditions_deny": "x"}}, "write a list of texts"),
        ({"default": {"conditions_deny": ["x" * 17]}}, "write 1 to 16 characters"),
        ({"default": {"conditions_deny": ["a"], "conditions_allow": ["a"]}}, "both have 'a'"),
        ({"default": {"hours_calendar": 1}}, "hours_calendar = 1: write the name of a calendar"),
        ({"default": {"hours_calendar": "XTKY"}}, "'XTKY' is no calendar"),
    ],
)
def test_what_cannot_be_is_refused_by_name(content: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        filters_of(content)
    assert says in str(error.value)


def test_errors_of_a_file_name_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_FILTERS=/nowhere/x.toml: No such file"):
        load_filters("/nowhere/x.toml")
    path = tmp_path / "bad.toml"
    path.write_text("[default\n")
    with pytest.raises(ConfigError, match=r"bad.toml: not TOML .*docs/filters.md"):
        load_filters(str(path))
    path.write_text("[default]\nx = 1\n")
    with pytest.raises(ConfigError, match=r"HAYATE_FILTERS=.*bad.toml: unknown key 'default.x'"):
        load_filters(str(path))


def test_only_symbols_that_fit_the_list_are_allowed() -> None:
    filters = filters_of({"allow": ["7203", "BTC/*"]})
    for symbol in ("7203", "BTC/USDT"):
        filters.check_allowed(symbol)
    for symbol in ("8306", "72030", "btc/usdt", "BTC"):
        with pytest.raises(TickRejected, match=rf"not-allowed: symbol '{symbol}' fits nothing"):
            filters.check_allowed(symbol)
    with pytest.raises(TickRejected):
        filters_of({"allow": []}).check_allowed("7203")
    NO_FILTERS.check_allowed("anything")


@given(
    conditions=st.lists(st.sampled_from("abcd"), max_size=3),
    allow=st.none() | st.sets(st.sampled_from("abcd")),
    deny=st.sets(st.sampled_from("abcd")),
)
def test_conditions(conditions: list[str], allow: set[str] | None, deny: set[str]) -> None:
    rules = QualityRules(conditions_allow=None if allow is None else tuple(allow), conditions_deny=tuple(deny))
    good = (allow is None or set(conditions) <= allow) and not set(conditions) & deny
    assert rules.bars(conditions) is not good
    assert QualityFilters(rules).judge_conditions == (allow is not None or bool(deny))


def test_what_is_looked_up_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.quality.rules.REMEMBERED", 3)
    filters = filters_of({"allow": ["A*"], "symbols": {"A1": {"price_min": 1}}})
    for i in range(10):
        assert filters.index(f"A{i}") == (1 if i == 1 else 0)
        filters.check_allowed(f"A{i}")
        assert len(filters._indices) <= 3
        assert len(filters._allowed) <= 3
