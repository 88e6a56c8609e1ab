"""The demonstration's account: exact counts, right quantiles, and what it calls a fault."""

import math
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.answered import Answered
from deploy.demo.latencies import Latencies
from deploy.demo.phases import Phases
from deploy.demo.snapshot import Camera
from deploy.demo.summary import faults, summary
from deploy.demo.tally import Balance, Tally

MS = 1_000_000
SECOND = 1_000_000_000


def headers(offset: int, sent_ns: int = 0, reason: str | None = None) -> list[tuple[str, bytes]]:
    named = [("src", str(offset).encode()), ("sent_ns", str(sent_ns).encode())]
    return [*named, ("reason", reason.encode())] if reason else named


def signal(action: str = "hold", confidence: float = 0.1) -> bytes:
    return msgspec.json.encode({"action": action, "confidence": confidence, "fallback": False, "more": 1})


def feature(price: float | None, **values: float | None) -> bytes:
    return msgspec.json.encode({"price": price, "status": "ready", "values": values, "id": "x"})


@given(st.lists(st.integers(0, 40)))
def test_answers_are_counted_as_a_set_would(offsets: list[int]) -> None:
    answered, seen = Answered(), Counter[int]()
    for offset in offsets:
        assert answered.add(offset) == (offset not in seen)
        seen[offset] += 1
    assert answered.count == len(seen)
    assert answered.repeated == len(offsets) - len(seen)


def test_answers_in_order_take_no_memory() -> None:
    answered = Answered()
    for offset in range(10_000):
        answered.add(offset)
    assert not answered._ahead
    assert answered.count == 10_000


@given(st.lists(st.integers(1000, 10**11), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_right_to_one_percent(values: list[int], q: float) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    exact = sorted(values)[max(1, math.ceil(q * len(values))) - 1] / MS
    assert latencies.quantile_ms(q) == pytest.approx(exact, rel=0.01)


def test_quantiles_of_nothing_and_of_clocks_that_disagree() -> None:
    latencies = Latencies()
    assert latencies.quantile_ms(0.5) is None
    latencies.add(-5)
    assert latencies.quantile_ms(0.5) == pytest.approx(0.001, rel=0.01)


def test_every_tick_is_counted_once_whatever_comes_again() -> None:
    tally = Tally()
    for offset in (0, 1, 1):
        tally.feature(3, "ES", feature(1.0), headers(offset))
        tally.signal(3, "ES", signal("buy"), headers(offset, sent_ns=1), now_ns=1 + MS)
    tally.feature(4, "SIM001", feature(1.0), headers(0))
    tally.reject(4, headers(1, reason="late"))
    tally.reject(4, headers(1, reason="late"))
    balance = tally.balance(4)
    assert balance == Balance(ticks=4, rejected=1, features=3, signals=2, repeated=3)
    assert (balance.lost, balance.without_features, balance.exact) == (1, 0, False)
    assert tally.actions == {"buy": 2}
    assert tally.reasons == {"late": 1}
    assert tally.symbols["ES"].signals == 2


def test_an_output_without_its_source_is_no_output_of_ours() -> None:
    with pytest.raises(ValueError, match="header 'src'"):
        Tally().reject(0, [])


def test_latency_after_the_warm_up_is_kept_apart() -> None:
    tally = Tally()
    tally.signal(0, "ES", signal(), headers(0, sent_ns=SECOND), now_ns=SECOND + 500 * MS)
    tally.signal(0, "ES", signal(), headers(1, sent_ns=4 * SECOND), now_ns=4 * SECOND + 5 * MS)
    assert tally.latencies.count == 2
    assert tally.steady.quantile_ms(0.99) == pytest.approx(5, rel=0.01)
    assert tally.first_signal.is_set()


def test_a_snapshot_shows_the_newest_of_each_symbol_the_real_one_first() -> None:
    tally = Tally()
    camera = Camera(tally)
    tally.feature(0, "ADA", feature(2.0, sma_20=None), headers(0))
    tally.feature(1, "ES", feature(1.0, sma_20=1.5), headers(0))
    tally.feature(1, "ES", feature(1.25, sma_20=1.75), headers(1))
    tally.signal(1, "ES", signal("sell", 0.5), headers(0, sent_ns=1), now_ns=1 + 3 * MS)
    snapshot = camera.take(1.0, 3)
    assert [(row.symbol, row.real, row.price) for row in snapshot.rows] == [("ES", True, 1.25), ("ADA", False, 2.0)]
    assert snapshot.rows[0].values[0] == 1.75
    assert snapshot.rows[1].values[0] is None
    assert snapshot.rows[0].decision is not None
    assert snapshot.rows[0].decision.action == "sell"
    assert snapshot.rows[0].latency_ms == pytest.approx(3)
    assert (snapshot.features, snapshot.signals, snapshot.ticks_per_s) == (3, 1, 0.0)


def test_rates_are_those_of_the_last_seconds() -> None:
    camera = Camera(Tally())
    shown = [camera.take(float(second), 100 * second if second < 10 else 900).ticks_per_s for second in range(15)]
    assert shown[5] == pytest.approx(100)
    assert shown[14] == 0.0


def test_the_summary_names_every_figure() -> None:
    tally = Tally()
    tally.feature(0, "ES", feature(1.0), headers(0))
    tally.signal(0, "ES", signal("buy"), headers(0, sent_ns=1), now_ns=1 + 7 * MS)
    tally.reject(0, headers(1, reason="late"))
    text = summary(20.04, tally.balance(2), tally)
    lines = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert text.startswith("20.0 s of market")
    assert lines["ticks"].split()[2] == "2"
    assert lines["rejected"].split()[1:] == ["1", "late", "1"]
    assert lines["features"].split()[1] == "1"
    assert "buy 1, sell 0, hold 0" in lines["signals"]
    assert "7.0 ms median, 7.0 ms p99" in lines["latency"]
    assert lines["lost"].strip() == "lost = 0"
    assert faults(tally.balance(2)) == []


def test_faults_name_what_is_missing_and_what_came_twice() -> None:
    assert faults(Balance(ticks=10, rejected=1, features=7, signals=6, repeated=2)) == [
        "3 ticks have neither signal nor reject",
        "2 ticks have neither feature record nor reject",
        "2 outputs were written more than once",
    ]
    assert Balance(ticks=2, rejected=1, features=1, signals=1, repeated=0).exact


def test_phases_add_up() -> None:
    clock = iter([10.0, 14.0, 14.5])
    phases = Phases(lambda: next(clock))
    phases.done("servers")
    phases.done("worker")
    assert str(phases) == "first signal 4.5 s after the start:\n  servers 4.0 s, worker 0.5 s"
