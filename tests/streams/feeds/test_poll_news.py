"""The order of a page: oldest first, whichever way the venue lists it."""

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.poll_news import in_order
from streams.records import Tick


@given(st.lists(st.integers(0, 3), max_size=12), st.booleans())
def test_numbers_tell_the_direction_where_times_are_equal(steps: list[int], backwards: bool) -> None:
    """Several trades share a millisecond, or the items have no time but that of the receipt."""
    at, page = 1, []
    for number, step in enumerate(steps, 1):
        at += step
        page.append(Tick("A", at, price=1.0, seq=number))
    given_page = page[::-1] if backwards else page
    assert in_order(given_page) == page


@given(st.lists(st.integers(1, 5), max_size=12))
def test_without_numbers_equal_times_keep_the_direction_of_the_page(times: list[int]) -> None:
    page = [Tick("A", at, price=float(n)) for n, at in enumerate(sorted(times), 1)]
    assert in_order(page) == page
    assert [tick.ts_ns for tick in in_order(page[::-1])] == sorted(times)
