"""Rows that come, grow and go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import layout
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.layout import NEVER
from streams.sessions import Sessions
from streams.state_block import StateBlock
from tests.streams.reference import same_bits

S = 1_000_000_000
SMALL = FeatureSet.of("small", "sma_3", "sma_3@2s", bars=["5s", "3t"], mark_grace_ms=500)


def test_a_block_grows_and_keeps_its_rows() -> None:
    block = StateBlock(SMALL)
    names = [f"S{i}" for i in range(1_000)]
    assert [block.add(name, i, i * S) for i, name in enumerate(names)] == list(range(1_000))
    assert len(block) == 1_000
    assert block.symbols == names
    assert [block.find(name) for name in names] == list(range(1_000))
    assert block.find("absent") == -1
    assert block.last_offset[:1_000].tolist() == list(range(1_000))
    assert block.last_ts_ns[:1_000].tolist() == [i * S for i in range(1_000)]
    assert not block.state.any()
    assert len(block.state) == len(block.last_offset) == len(block.last_ts_ns) >= 1_000


def test_a_saved_row_is_copied_in() -> None:
    saved = np.random.default_rng(1).normal(size=SMALL.width)
    saved.flags.writeable = False
    block = StateBlock(SMALL)
    row = block.add(b"A", 5, 6, saved)
    assert same_bits(block.state[row], saved)
    assert not np.shares_memory(block.state, saved)


def test_what_a_block_refuses() -> None:
    block = StateBlock(SMALL)
    block.add("A")
    with pytest.raises(ValueError, match=r"symbol 'A' has row 0 already; use find\(\) first"):
        block.add("A")
    with pytest.raises(TypeError, match="b'A' is bytes, this block has others like 'A'"):
        block.add(b"A")
    with pytest.raises(
        StateError, match=rf"state row of 'B' has shape \(3,\), the feature set has rows of {SMALL.width}"
    ):
        block.add("B", state=np.zeros(3))
    for rows in ([1], [-1, 0], [0, 16]):
        with pytest.raises(IndexError, match=r"rows \[.*\]: the block has 1"):
            block.remove(rows)
    assert len(block) == 1


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 40), max_size=12)), max_size=12))
def test_rows_come_and_go_and_the_others_stay(moves: list[tuple[bool, set[int]]]) -> None:
    block = StateBlock(SMALL)
    expected: dict[str, float] = {}
    made = 0
    for comes, numbers in moves:
        if comes:
            for _ in numbers:
                made += 1
                row = block.add(f"S{made}", made, -made, np.full(SMALL.width, float(made)))
                assert row == len(block) - 1
                expected[f"S{made}"] = float(made)
        else:
            rows = [row for row in numbers if row < len(block)]
            for row in rows:
                del expected[str(block.symbols[row])]
            block.remove(np.array(rows + rows[:1], dtype=np.int32))
        assert set(block.symbols) == set(expected)
        assert len(block) == len(block.symbols) == len(expected)
        for row, symbol in enumerate(block.symbols):
            number = expected[str(symbol)]
            assert block.find(symbol) == row
            assert np.all(block.state[row] == number)
            assert (block.last_offset[row], block.last_ts_ns[row]) == (number, -number)
        assert not block.state[len(block) :].any()
    fresh = block.add("fresh")
    assert (block.last_offset[fresh], block.last_ts_ns[fresh], block.state[fresh].any()) == (-1, NEVER, False)


def test_a_row_knows_the_calendar_of_its_symbol() -> None:
    sessions = Sessions(
        np.zeros((7, 4), np.int64), {"24/7": (0, 0), "X": (0, 3), "Y": (3, 7)}, "X", {"B": "Y", "C": "24/7"}
    )
    block = StateBlock(SMALL, sessions)
    for symbol in "ABC":
        block.add(symbol)
    assert block.places[:3, layout.SEGMENTS : layout.SEGMENTS + 2].tolist() == [[0, 3], [3, 7], [0, 0]]
    coded = StateBlock(SMALL, sessions)
    assert coded.places[coded.add(b"B"), layout.SEGMENTS] == 3
    assert StateBlock(SMALL).places[0, layout.SEGMENTS] == 0


def test_rows_are_due_whose_time_bar_ended_the_grace_before() -> None:
    block = StateBlock(SMALL)
    for symbol in "ABCD":
        block.state[block.add(symbol), layout.CLOCK] = 7.0
    at = {interval.name: slot for interval, slot in zip(SMALL.intervals, SMALL.layout.bars, strict=True)}
    for row, (name, start) in enumerate((("5s", 100), ("2s", 100), ("3t", 1), ("5s", 1))):
        block.state[row, at[name] + layout.BAR_TRADES] = 1.0
        block.state[row, at[name] + layout.START_S] = start
    block.state[3, layout.CLOCK] = 8.0
    assert block.due(102 * S + 500_000_000 - 1, 7.0).tolist() == []
    assert block.due(102 * S + 500_000_000, 7.0).tolist() == [1]
    assert block.due(105 * S + 500_000_000, 7.0).tolist() == [0, 1]
    assert block.due(105 * S + 500_000_000, 8.0).tolist() == [3]
    assert block.due(105 * S + 500_000_000, 9.0).tolist() == []
    ends = [block.opened(state) for state in block.state[:5]]
    assert ends == [(7.0, 105 * S + S // 2), (7.0, 102 * S + S // 2), None, (8.0, 6 * S + S // 2), None]
    assert StateBlock(FeatureSet.of("none", "sma_3")).due(S, 0.0).tolist() == []


def test_a_block_of_the_engine_has_its_calendars() -> None:
    engine = RealTimeFeatureEngine(
        FeatureSet.of("small", "sma_3", sessions={"calendar": "XTKS", "symbols": {"B": "24/7"}})
    )
    block = engine.new_block()
    rows = [block.add("A"), block.add("B")]
    begin, end = block.places[rows[0], layout.SEGMENTS : layout.SEGMENTS + 2].tolist()
    assert (begin, end) == (0, len(engine.sessions.segments))
    assert block.places[rows[1], layout.SEGMENTS : layout.SEGMENTS + 2].tolist() == [0, 0]
