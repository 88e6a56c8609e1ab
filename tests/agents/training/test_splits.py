"""Nothing that is learnt from looks at what comes after it: purge, embargo, and the order of the parts."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.training.splits import MEMBERS, PARTS, split
from streams.columns import I64
from streams.errors import ConfigError


@st.composite
def rows(draw: st.DrawFn) -> tuple[I64, int]:
    """Times, ascending, several rows at one moment among them, and a horizon."""
    steps = draw(st.lists(st.integers(0, 50), min_size=600, max_size=900))
    return np.cumsum(np.array(steps, np.int64)), draw(st.integers(1, 60))


@given(rows(), st.integers(0, 60), st.integers(1, 4))
def test_there_is_a_hole_behind_everything_that_is_learnt_from(
    given_rows: tuple[I64, int], embargo: int, folds: int
) -> None:
    ts_ns, horizon = given_rows
    ends = ts_ns + horizon
    try:
        found = split(ts_ns, ends, folds=folds, embargo_ns=embargo, least=1)
    except ConfigError:
        return
    for earlier, later in pairwise(PARTS):
        assert ends[found.parts[earlier]].max() + embargo < ts_ns[found.parts[later]].min()
    for fold in found.folds:
        assert ends[fold.train].max() + embargo < ts_ns[fold.answer].min()
        assert set(fold.answer.tolist()) <= set(found.parts[MEMBERS].tolist())
    everything = np.concatenate([found.parts[name] for name in PARTS])
    assert len(set(everything.tolist())) == len(everything) == len(ts_ns) - found.purged
    assert (np.diff(everything) > 0).all()


@given(rows(), st.integers(0, 20))
def test_nothing_is_purged_that_need_not_be(given_rows: tuple[I64, int], embargo: int) -> None:
    ts_ns, horizon = given_rows
    try:
        found = split(ts_ns, ts_ns + horizon, folds=2, embargo_ns=embargo, least=1)
    except ConfigError:
        return
    starts = [ts_ns[found.parts[name]].min() for name in PARTS[1:]]
    for row in set(range(len(ts_ns))) - set(np.concatenate([*found.parts.values()]).tolist()):
        assert any(ts_ns[row] < start <= ts_ns[row] + horizon + embargo for start in starts)


def test_folds_answer_each_row_once() -> None:
    ts_ns = np.arange(1_000, dtype=np.int64) * 10
    found = split(ts_ns, ts_ns + 15, folds=3, embargo_ns=0)
    answered = np.concatenate([fold.answer for fold in found.folds])
    assert len(set(answered.tolist())) == len(answered)
    assert [len(fold.train) for fold in found.folds] == sorted(len(fold.train) for fold in found.folds)


def test_too_few_rows_are_refused() -> None:
    ts_ns = np.arange(200, dtype=np.int64)
    with pytest.raises(ConfigError, match=r"200 rows leave .* give more ticks"):
        split(ts_ns, ts_ns + 50, folds=4, embargo_ns=50)
