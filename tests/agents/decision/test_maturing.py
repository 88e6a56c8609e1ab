"""Labels in the stream: those of streams/export/labels.py, however the records are cut, and across a restart."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents.decision.maturing import PENDING, Matured, Maturing
from streams.export.labels import PATH_TYPE, LabelSpec, PricePath, label_rows

HORIZON_MS = 16
SPACING_NS = 1_000_000
STEP_NS = 250_000

records = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.integers(-3, 40),
        st.floats(90, 110) | st.just(float("nan")),
        st.floats(90, 110) | st.just(float("nan")),
        st.booleans(),
    ),
    min_size=1,
    max_size=80,
)
"""Symbol, steps of time since the record before, price, mid, whether there is a decision."""


def columns(rows: list[tuple[str, int, float, float, bool]]) -> tuple[list[str], NDArray[np.void]]:
    """Symbols, and the other columns; the payload is the record's number."""
    table = np.zeros(len(rows), [("ts", "<i8"), ("price", "<f8"), ("mid", "<f8"), ("taken", "?")])
    now = 0
    for i, (_, steps, price, mid, taken) in enumerate(rows):
        now += steps * STEP_NS
        table[i] = now, price, mid, taken
    return [row[0] for row in rows], table


def run(
    maturing: Maturing, symbols: list[str], table: NDArray[np.void], first: int = 0
) -> list[tuple[int, int, int, float]]:
    """One batch: (record that matured it, decision's record, time, return) of each."""
    payload = np.arange(first, first + len(table), dtype=np.float64)[:, None].copy()
    got: Matured = maturing.pass_by(
        maturing.rows(symbols),
        table["ts"].copy(),
        table["price"].copy(),
        table["mid"].copy(),
        table["taken"].copy(),
        payload,
    )
    return [
        (first + at, int(number), ts, returned)
        for at, number, ts, returned in zip(
            got.at.tolist(), got.payload[:, 0].tolist(), got.ts_ns.tolist(), got.return_bps.tolist(), strict=True
        )
    ]


@given(records, st.booleans())
@settings(deadline=None)
def test_labels_are_those_of_training(rows: list[tuple[str, int, float, float, bool]], mid: bool) -> None:
    """Each matured decision has the return that an export gives its record, once, when its horizon is covered."""
    symbols, table = columns(rows)
    matured = run(Maturing(HORIZON_MS, 1, mid=mid), symbols, table)
    assert len({number for _, number, _, _ in matured}) == len(matured)
    for symbol in set(symbols):
        mine = [i for i, other in enumerate(symbols) if other == symbol]
        path = np.zeros(len(mine), PATH_TYPE)
        path["source"], path["ts_ns"] = mine, table["ts"][mine]
        path["price"], path["mid"] = table["price"][mine], table["mid"][mine]
        spec = LabelSpec(HORIZON_MS * 1_000_000, price="mid" if mid else "last")
        labels = label_rows(spec, PricePath.of(path), np.array(mine))
        times = np.maximum.accumulate(table["ts"][mine])
        for at, number, ts, returned in matured:
            if symbols[number] == symbol:
                place = mine.index(number)
                assert not labels.null[place]
                assert ts == times[place]
                assert returned == labels.return_bps[place]
                covering = mine[int(np.searchsorted(times, ts + HORIZON_MS * 1_000_000, side="right"))]
                assert at == covering
        taken = [table["ts"][n] for _, n, _, _ in matured if symbols[n] == symbol]
        assert len(taken) <= len(mine)


@given(records, st.integers(1, 9))
@settings(deadline=None)
def test_cuts_and_restarts_do_not_matter(rows: list[tuple[str, int, float, float, bool]], size: int) -> None:
    """The same labels in any batches, and where each symbol goes on elsewhere between two of them."""
    symbols, table = columns(rows)
    whole = run(Maturing(HORIZON_MS, 1), symbols, table)
    parts, maturing = [], Maturing(HORIZON_MS, 1)
    for begin in range(0, len(table), size):
        parts += run(maturing, symbols[begin : begin + size], table[begin : begin + size], begin)
        kept = {symbol: maturing.keep(symbol) for symbol in set(symbols) if symbol in maturing}
        maturing = Maturing(HORIZON_MS, 1)
        for symbol, each in kept.items():
            maturing.restore(symbol, each)
    assert parts == whole


def test_decisions_are_taken_a_sixteenth_of_the_horizon_apart() -> None:
    """So at most 17 wait, however many records come."""
    maturing = Maturing(HORIZON_MS, 1)
    symbols, table = columns([("A", 1, 100.0, float("nan"), True)] * 400)
    matured = run(maturing, symbols, table)
    times = [ts for _, _, ts, _ in matured]
    assert {b - a for a, b in pairwise(times)} == {SPACING_NS}
    assert maturing.waiting <= 17 < PENDING


def test_what_was_decided_is_filled_in_later() -> None:
    """Of decisions that still wait, not of those that matured in the same batch; a forgotten symbol begins anew."""
    maturing = Maturing(HORIZON_MS, 2)
    ts = np.array([0, 17_000_000, 18_000_000])
    price, nothing = np.array([100.0, 101.0, 101.0]), np.full(3, np.nan)
    payload = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan]])
    got = maturing.pass_by(maturing.rows("AAA"), ts, price, nothing, np.array([True, True, False]), payload)
    assert (got.at.tolist(), got.source.tolist(), got.return_bps.tolist()) == ([1], [0], [0.0])
    maturing.complete(1, np.array([[10.0], [20.0], [30.0]]))
    assert maturing.keep("A").payload.tolist() == [[2.0, 20.0]]
    assert maturing.forget("A") == 0
    assert "A" not in maturing
    assert maturing.waiting == 0
    assert maturing.forget("A") is None
    assert maturing.rows("BA").tolist() == [0, 1]
    assert maturing.keep("A").payload.shape == (0, 2)


def test_a_symbol_of_which_nothing_waits_goes_on() -> None:
    """As one has it whose model served nobody for long."""
    maturing = Maturing(HORIZON_MS, 3)
    maturing.rows(["A"])
    kept = maturing.keep("A")
    other = Maturing(HORIZON_MS, 3)
    other.restore("A", kept._replace(payload=np.empty((0, 0)), price=99.0))
    assert other.keep("A").price == 99.0
    assert other.waiting == 0


@pytest.mark.parametrize("count", [1, 9, 40])
def test_there_is_room_for_any_number_of_symbols(count: int) -> None:
    """Rows are made as symbols come, and keep what they have."""
    maturing = Maturing(HORIZON_MS, 1)
    names = [f"S{i}" for i in range(count)]
    for name in names:
        run(maturing, [name], columns([("A", 1, 100.0, float("nan"), True)])[1])
    assert maturing.waiting == count
    assert maturing.rows(names).tolist() == list(range(count))
