"""One hole, one mark: against a plain model of what is known about each symbol."""

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.holes import RECONNECT, SEQUENCE, START, Holes
from streams.marks import GapMark

SYMBOLS = ("A", "B", "C")
steps = st.lists(
    st.tuples(st.sampled_from(["opened", "tick", "unbroken", "missing", "across", "settle"]), st.sampled_from(SYMBOLS)),
    max_size=60,
)


@given(steps)
def test_one_hole_one_mark(script: list[tuple[str, str]]) -> None:
    holes = Holes(SYMBOLS)
    open_holes: dict[str, str] = {}
    marked: set[str] = set()
    began = False
    for now, (step, symbol) in enumerate(script, 1):
        if step == "opened":
            holes.opened(RECONNECT if began else START)
            never = {s for s, reason in open_holes.items() if reason == START}
            open_holes = {s: START if not began or s in never else RECONNECT for s in SYMBOLS}
            began, marked = True, set()
        elif step == "tick":
            reason = open_holes.pop(symbol, None)
            assert holes.before(symbol, now) == (None if reason is None else GapMark(symbol, now, reason))
            marked |= set() if reason is None else {symbol}
        elif step == "unbroken":
            holes.unbroken(symbol)
            open_holes.pop(symbol, None)
        elif step == "missing":
            assert holes.missing(symbol, now, SEQUENCE) == GapMark(symbol, now, SEQUENCE)
            marked |= {symbol} if open_holes.pop(symbol, None) else set()
        elif step == "across":
            mark = holes.missing(symbol, now, SEQUENCE, across=True)
            assert mark == (None if symbol in marked else GapMark(symbol, now, SEQUENCE))
            marked |= {symbol} if open_holes.pop(symbol, None) else set()
        else:
            assert holes.settle(now) == [GapMark(s, now, open_holes[s]) for s in SYMBOLS if s in open_holes]
            marked |= set(open_holes)
            open_holes = {}
        assert holes.pending == len(open_holes)


def test_symbols_that_nobody_subscribed_have_no_holes() -> None:
    holes = Holes(("A",))
    holes.opened(START)
    assert holes.before("X", 1) is None
    assert holes.pending == 1
