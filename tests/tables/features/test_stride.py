"""Few records a call where the server is near, more where each call waits."""

from hypothesis import given
from hypothesis import strategies as st

from tables.features.stride import LONG_S, Stride


def test_it_grows_with_the_way_and_shrinks_at_once() -> None:
    stride = Stride(64, 500)
    sizes = []
    for _ in range(5):
        sizes.append(stride.size)
        stride.took(0.3, stride.size)
    assert sizes == [64, 128, 256, 500, 500]
    stride.took(0.3, 3)
    assert stride.size == 500
    stride.took(LONG_S, 500)
    assert stride.size == 64
    stride.took(0.3, 3)
    assert stride.size == 64, "it was not full"
    stride.took(0.3, 64)
    stride.failed()
    assert stride.size == 64


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 2_000))))
def test_it_stays_between_its_bounds(calls: list[tuple[float, int]]) -> None:
    stride = Stride(16, 1_000)
    for seconds, count in calls:
        stride.took(seconds, count)
        assert 16 <= stride.size <= 1_000
