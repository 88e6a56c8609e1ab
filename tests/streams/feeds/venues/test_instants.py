import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.rfc3339 import parse_ns
from streams.feeds.venues.instants import instant_ns

DAYS = r"(19|20|22|16)[0-9]{2}-(0[1-9]|1[0-3])-[0-3][0-9]"
HOURS = r"[0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
TIMES = st.from_regex(DAYS + "[Tt ]" + HOURS + r"(\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:[0-5][0-9])?", fullmatch=True)


@given(TIMES | st.text(max_size=32))
def test_as_the_slow_way(text: str) -> None:
    """The same number, or refused as well; the second time too."""
    try:
        expected = parse_ns(text)
    except ValueError:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"."):
                instant_ns(text)
    else:
        assert instant_ns(text) == instant_ns(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2262-04-11T23:47:16.854775807Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.1Z",
        "1677-09-21T00:12:43.2Z",
        "2024-01-01T00:00:60.1Z",
        "2024-01-01T00:00:00.٣Z",
    ],
)
def test_at_the_ends_of_the_range(text: str) -> None:
    test_as_the_slow_way.hypothesis.inner_test(text)  # type: ignore[attr-defined]
