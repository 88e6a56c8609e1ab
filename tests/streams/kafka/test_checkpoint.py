"""What a commit carries: read back as written, old ones too, and compared with what is running."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import StateError
from streams.kafka.checkpoint import Checkpoint, Origin, check_origin, decode_checkpoint, made_anew

WHERE = "ticks[3]"
FULL = Origin(layout="00ff", topic="0123456789abcdef", partitions=8)
STREAMS = st.dictionaries(st.text(max_size=20), st.integers(0, 2**63 - 1), max_size=3)


@given(STREAMS, st.integers(-1, 2**63 - 1), st.text(max_size=16), st.text(max_size=32), st.integers(0, 4096))
def test_it_is_read_back(ends: dict[str, int], seen: int, layout: str, topic: str, partitions: int) -> None:
    checkpoint = Checkpoint(ends, seen, layout, topic, partitions)
    assert decode_checkpoint(checkpoint.encode(), WHERE) == checkpoint
    assert checkpoint.origin == Origin(layout, topic, partitions)


def test_the_longest_fits_a_commit() -> None:
    names = ("features", "ticks-rejected", "bars", "signals")
    checkpoint = Checkpoint({"p" * 200 + name: 2**63 - 1 for name in names}, 2**63 - 1, "f" * 16, "f" * 32, 4096)
    assert len(checkpoint.encode()) < 4_096, "offset.metadata.max.bytes"


def test_commits_of_earlier_versions_are_accepted() -> None:
    old = decode_checkpoint('{"ends":{"features":7},"seen":3}', WHERE)
    assert old == Checkpoint({"features": 7}, 3)
    check_origin(old.origin, FULL, WHERE)
    assert decode_checkpoint('{"ends":{}}', WHERE) == Checkpoint({})
    assert decode_checkpoint("", WHERE) is None, "as tools leave it that set offsets"


@pytest.mark.parametrize("metadata", ["x", "[]", "{}", '{"ends":3}', "\ud800", "null"])
def test_what_is_no_checkpoint_is_refused_by_name(metadata: str) -> None:
    with pytest.raises(StateError, match=r"ticks\[3\].*HAYATE_APP_ID.*faust -A app state reset"):
        decode_checkpoint(metadata, WHERE)


@given(st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_nothing_else_is_raised(metadata: str) -> None:
    try:
        decode_checkpoint(metadata, WHERE)
    except StateError:
        return


@pytest.mark.parametrize("other", [FULL, Origin(), FULL._replace(topic=""), FULL._replace(layout="", partitions=0)])
def test_the_same_or_unknown_is_accepted(other: Origin) -> None:
    check_origin(other, FULL, WHERE)
    check_origin(FULL, other, WHERE)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"layout": "00fe"}, "layout 00ff, HAYATE_FEATURE_SET has 00fe: .*state migrate.*state reset.*state show"),
        ({"topic": "0"}, "made anew .*0123456789abcdef, now 0.*state show.*state reset"),
        ({"partitions": 6}, "of 8 partitions, HAYATE_PARTITIONS=6.*state reset"),
    ],
)
def test_what_changed_is_refused_with_the_command_that_resolves_it(change: dict[str, object], text: str) -> None:
    with pytest.raises(StateError, match=rf"^ticks\[3\]: .*{text}"):
        check_origin(FULL, FULL._replace(**change), WHERE)  # type: ignore[arg-type]  # of its fields' types


def test_unknown_fields_are_for_a_later_version() -> None:
    assert decode_checkpoint(msgspec.json.encode({"ends": {}, "more": 1}).decode(), WHERE) == Checkpoint({})


def test_what_only_one_names_is_not_compared() -> None:
    """A checkpoint of a version that had no second changelog goes on; one whose topic or rows are others does not."""
    assert made_anew("a+b", "a+b") is None
    assert made_anew("a", "a+b") is None
    assert made_anew("", "a+b") is None
    assert made_anew("a+b", "c+b") == "topic"
    assert made_anew("a+b", "a+c") == "changelog"
    assert made_anew("a", "c+b") == "topic"
