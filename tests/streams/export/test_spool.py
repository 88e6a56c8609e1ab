"""Rows come back by series in the order in which they came, however many were in memory."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.export.spool import Spool, first_known

ROW = np.dtype([("source", "<i8"), ("value", "<f8")])


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5))), st.integers(1, 400))
def test_rows_come_back(appends: list[tuple[str, int]], buffer_bytes: int) -> None:
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "rows", ROW, buffer_bytes)
        expected: dict[tuple[str, int], list[tuple[int, float]]] = {}
        for place, (symbol, count) in enumerate(appends):
            rows = [(100 * place + i, float(i)) for i in range(count)]
            spool.append((symbol, 0), np.array(rows, ROW))
            expected.setdefault((symbol, 0), []).extend(rows)
        assert len(spool) == sum(count for _, count in appends)
        assert spool.series() == sorted(expected)
        for series, rows in expected.items():
            assert spool.read(spool.positions(series)).tolist() == rows
        assert spool.read(spool.positions(("none", 0))).tolist() == []
        spool.close()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3))))
def test_of_copies_the_first_known_is_kept(found: list[tuple[int, int]]) -> None:
    source = np.array([s for s, _ in found], np.int64)
    known = np.array([k for _, k in found], np.int64)
    expected = [min((k, i) for i, (s, k) in enumerate(found) if s == one)[1] for one in sorted({s for s, _ in found})]
    assert first_known(source, known).tolist() == expected
