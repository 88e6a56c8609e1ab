"""The demonstration's live accuracy: the definition, whatever order the two topics are read in."""

from itertools import islice

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.judged import Judged
from deploy.demo.market import Rest, without_end
from deploy.demo.snapshot import Camera
from deploy.demo.summary import summary
from deploy.demo.tally import Tally
from streams.records import Tick

MS = 1_000_000
HORIZON_MS = 5
Record = tuple[int, float, float]
"""Time in ms, price, probability up."""

records = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([1.0, 1.25, 1.5]), st.sampled_from([0.2, 0.5, 0.9])), max_size=60
).map(lambda steps: [(sum(step for step, *_ in steps[: at + 1]), *rest) for at, (_, *rest) in enumerate(steps)])


def by_definition(rows: list[Record]) -> tuple[int, int]:
    """Moves and right calls, each found by looking through all rows."""
    moves = right = 0
    for ts, price, up in rows:
        if up == 0.5 or rows[-1][0] <= ts + HORIZON_MS:
            continue
        after = [later for time, later, _ in rows if time <= ts + HORIZON_MS][-1]
        moves += after != price
        right += after != price and (after > price) == (up > 0.5)
    return moves, right


@given(records, st.lists(st.booleans(), max_size=120))
def test_it_counts_what_the_definition_counts(rows: list[Record], turns: list[bool]) -> None:
    judged, told = Judged(), {True: 0, False: 0}
    ids = iter([*turns, *[True] * len(rows), *[False] * len(rows)])
    for of_price in ids:
        at = told[of_price]
        if at == len(rows):
            continue
        told[of_price] += 1
        ts, price, up = rows[at]
        if of_price:
            judged.price(str(at), ts * MS, price)
        else:
            judged.signal(str(at), ts * MS, "m@1", HORIZON_MS, up)
    score = judged.scores.get("m@1")
    assert ((score.moves, score.right) if score else (0, 0)) == by_definition(rows)


def test_each_model_has_a_score_of_its_own() -> None:
    judged = Judged()
    for at in range(20):
        judged.price(str(at), at * MS, 1.0 + at)
        judged.signal(str(at), at * MS, "a@1" if at < 10 else "b@1", 2, 0.9 if at < 10 else 0.1)
    assert {model: score.accuracy for model, score in judged.scores.items()} == {"a@1": 1.0, "b@1": 0.0}
    assert judged.scores["a@1"].moves == 10
    assert judged.scores["b@1"].moves == 7


def test_it_remembers_no_more_than_a_horizon() -> None:
    judged = Judged()
    for at in range(5000):
        judged.price(str(at), at * MS, 1.0 + at % 3)
        judged.signal(str(at), at * MS, "m@1", HORIZON_MS, 0.9)
    assert len(judged._times) <= 4 * HORIZON_MS
    assert len(judged._price_of) == len(judged._ids) <= HORIZON_MS + 2
    for at in range(5000, 10_000):
        judged.price(str(at), at * MS, 1.0)
        judged.signal(str(at), at * MS, "m@1", HORIZON_MS, 0.5)
    assert len(judged._times) <= 4


def test_a_record_that_is_late_or_has_no_price_is_no_outcome() -> None:
    judged = Judged()
    judged.price("0", 10 * MS, 1.0)
    judged.signal("0", 10 * MS, "m@1", 2, 0.9)
    judged.price("1", 11 * MS, None)
    judged.price("2", 9 * MS, 7.0)
    judged.price("3", 12 * MS, 2.0)
    judged.price("4", 13 * MS, 0.5)
    assert judged.scores["m@1"].accuracy == 1.0


def test_the_tally_judges_the_real_symbol_and_both_accounts_say_so() -> None:
    tally = Tally()
    for symbol in ("ES", "SIM001"):
        for at in range(5):
            headers = [("src", str(at).encode()), ("sent_ns", b"1")]
            record = {"id": str(at), "ts_ns": at * MS}
            feature = {**record, "price": 1.0 + at, "status": "ready", "values": {}}
            tally.feature(0 if symbol == "ES" else 1, symbol, msgspec.json.encode(feature), headers)
            decision = {"action": "buy", "confidence": 0.8, "fallback": False, "model": "m@1", "horizon_ms": 1}
            signal = msgspec.json.encode({**record, **decision, "probability_up": 0.9})
            tally.signal(0 if symbol == "ES" else 1, symbol, signal, headers, now_ns=2)
    said = "right on ES: m@1 100.0% of 3 moves in 0.001 s"
    assert Camera(tally).take(1.0, 10, "learning").accuracy == said
    assert f"  {said}\n" in summary(1.0, tally.balance(10), tally)


def test_what_was_trained_on_is_never_sent_however_often_the_recording_begins_again() -> None:
    recording = [Tick("ES", ts_ns=at, price=1.0 + at) for at in range(5)]
    prices = [tick.price for tick in islice(without_end(Rest(recording, 3)), 6)]
    assert prices == [4.0, 5.0] * 3
    assert np.all(np.array(prices) > 3.0)
