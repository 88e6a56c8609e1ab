"""Columns of ticks: parts of them, and a mark for many symbols."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columns import CLOCK, Folded, TickColumns

WHOLE: dict[str, Any] = dict.fromkeys(("offset", "ts_ns", "seq", "arrival_ns"), np.int64)
WHOLE |= dict.fromkeys(("side", "kind", "barred"), np.int8)


def some(n: int, references: int = 2) -> TickColumns:
    """n ticks, every number another one."""
    arrays: dict[str, Any] = {
        field.name: (np.arange(n) + 10 * place).astype(WHOLE.get(field.name, np.float64))
        for place, field in enumerate(fields(TickColumns))
    }
    arrays["reference"] = np.arange(n * references, dtype=np.float64).reshape(n, references)
    return TickColumns(**arrays)


@given(n=st.integers(0, 12), cut=st.tuples(st.integers(0, 12), st.integers(0, 12)), references=st.integers(0, 3))
def test_a_slice_has_the_same_rows_of_every_column_and_can_be_folded(
    n: int, cut: tuple[int, int], references: int
) -> None:
    columns = some(n, references)
    part = columns.take(slice(*cut))
    assert len(part) == len(range(n)[slice(*cut)])
    for field in fields(TickColumns):
        whole, taken = getattr(columns, field.name), getattr(part, field.name)
        assert np.array_equal(taken, whole[slice(*cut)])
        assert taken.dtype == whole.dtype
        assert taken.flags.c_contiguous, "as the kernel takes it"


@given(n=st.integers(1, 12), data=st.data())
def test_indices_give_those_rows(n: int, data: st.DataObject) -> None:
    columns = some(n)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1))), np.int64)
    part = columns.take(rows)
    assert len(part) == len(rows)
    for field in fields(TickColumns):
        taken = getattr(part, field.name)
        assert np.array_equal(taken, getattr(columns, field.name)[rows])
        assert taken.flags.c_contiguous


@pytest.mark.parametrize("references", [0, 3])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_mark_for_many_symbols(n: int, references: int) -> None:
    """Its offset, time and clock for each of them, and no number that a step could take for one of the market's."""
    mark = TickColumns.of_mark(7, 123, 42.0, n, references)
    assert len(mark) == n
    for name, value in (("offset", 7), ("ts_ns", 123), ("clock", 42.0), ("kind", CLOCK), ("seq", -1), ("side", 0)):
        assert getattr(mark, name).tolist() == [value] * n
    assert mark.size.tolist() == [0.0] * n
    for name in ("price", "bid", "ask", "bid_size", "ask_size"):
        assert np.isnan(getattr(mark, name)).all()
    assert mark.reference.shape == (n, references)
    assert np.isnan(mark.reference).all()
    like = some(n, references)
    for field in fields(TickColumns):
        column = getattr(mark, field.name)
        assert column.dtype == getattr(like, field.name).dtype
        assert column.flags.c_contiguous


def test_without_bars_there_are_none() -> None:
    folded = Folded(np.empty((0, 1)), np.empty((0, 1), np.uint8), np.empty(0), np.empty(0, np.uint8))
    assert len(folded.bars) == 0
