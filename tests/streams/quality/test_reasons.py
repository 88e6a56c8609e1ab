"""What is said of a rejected tick: the numbers of the tick, the limit by its key, and the file that has it."""

from dataclasses import fields
from math import nan
from typing import Any

import pytest

from streams import columns as verdicts
from streams.columns import LATE
from streams.quality.reasons import REASONS, detail_of
from streams.quality.rules import QualityRules
from tests.streams.markets import columns_of
from tests.streams.reference_state import Event, S

RULES = QualityRules(
    future_max_ms=1_000,
    hours_calendar="XTKS",
    price_max=500,
    size_min=100,
    trade_jump_max_bps=300,
    quote_jump_max_bps=200,
    jump_rearm_s=None,
    spread_max_bps=50,
)
QUOTE: dict[str, Any] = {"bid": 100.0, "ask": 110.0}

SAID: list[tuple[int, dict[str, Any], list[str]]] = [
    (verdicts.FUTURE, {"price": 1.0, "arrival_ns": -S}, [f"ts_ns {S}", "2000.000 ms ahead", "future_max_ms is 1000"]),
    (verdicts.DUPLICATE, {"price": 1.0, "seq": 7}, ["seq 7", "this symbol's trades", "duplicate_restart_s=10"]),
    (verdicts.DUPLICATE, {**QUOTE, "seq": 7}, ["seq 7", "this symbol's quotes"]),
    (verdicts.CLOSED, {"price": 1.0}, ["1970-01-01T00:00:01.000000000Z", "hours_calendar='XTKS'", "hours_late_s=60"]),
    (verdicts.CONDITION, {"price": 1.0}, ["conditions_allow", "conditions_deny"]),
    (verdicts.PRICE_RANGE, {"price": 501.0}, ["price 501.0", "price_min=0 and price_max=500"]),
    (verdicts.PRICE_RANGE, QUOTE, ["bid 100.0 or ask 110.0", "price_max=500"]),
    (verdicts.SIZE_RANGE, {"price": 1.0, "size": 3.0}, ["size 3.0", "size_min=100 and size_max=none"]),
    (verdicts.ZERO_SIDED, {**QUOTE, "bid_size": 0.0}, ["bid_size 0.0, ask_size nan", "reject_zero_sided"]),
    (verdicts.CROSSED, {"bid": 2.0, "ask": 1.0}, ["bid 2.0 is above ask 1.0", "reject_crossed"]),
    (verdicts.LOCKED, {"bid": 2.0, "ask": 2.0}, ["bid 2.0 is equal to ask 2.0", "reject_locked"]),
    (verdicts.SPREAD, QUOTE, ["bid 100.0 and ask 110.0 are 952.4 bps apart", "spread_max_bps is 50"]),
    (
        verdicts.JUMPED,
        {"price": 130.0},
        ["price 130.0 is 3000.0 bps from the reference 100.0", "trade_jump_max_bps is 300"],
    ),
    (verdicts.JUMPED, QUOTE, ["middle 105.0 is 500.0 bps", "quote_jump_max_bps is 200", "jump_rearm_s=none"]),
]


@pytest.mark.parametrize(("verdict", "body", "says"), SAID)
def test_each_reason_names_its_numbers_and_its_key(verdict: int, body: dict[str, Any], says: list[str]) -> None:
    _, columns = columns_of([Event("A", 0, S, price=2.0), Event("A", 1, S, **body)])
    detail = detail_of(verdict, columns, 1, RULES, 100.0 if verdict == verdicts.JUMPED else nan)
    assert [text for text in says if text not in detail] == []
    assert detail.endswith("(HAYATE_FILTERS)")
    named = {word for word in detail.replace("=", " ").replace("'", " ").split() if "_" in word}
    known = {field.name for field in fields(QualityRules)} | {"ts_ns", "bid_size", "ask_size", "(HAYATE_FILTERS)"}
    assert {word.strip(",;(") for word in named} <= known | {"HAYATE_FILTERS)"}


def test_every_verdict_has_a_sentence() -> None:
    assert {verdict for verdict, _, _ in SAID} == set(REASONS) - {LATE}
    assert len(set(REASONS.values())) == len(REASONS)
