"""One contract for every place where versions are kept."""

from tables.models.registry import MANIFEST, ModelStore

FILES = {MANIFEST: b"{}", "members/a.onnx": b"\x00\xff" * 1_000, "report.html": "疾風".encode()}


def test_an_empty_one_has_nothing(store: ModelStore) -> None:
    assert store.names() == []
    assert store.versions("tiny") == []
    assert store.read("tiny", "0" * 12, MANIFEST) is None


def test_what_was_put_is_read_back(store: ModelStore) -> None:
    assert store.put("tiny", "b" * 12, FILES)
    assert store.put("tiny", "a" * 12, {MANIFEST: b"1"})
    assert store.put("other", "c" * 12, {MANIFEST: b"2"})
    assert store.names() == ["other", "tiny"]
    assert store.versions("tiny") == ["a" * 12, "b" * 12]
    assert {file: store.read("tiny", "b" * 12, file) for file in FILES} == FILES
    assert store.read("tiny", "b" * 12, "members/b.onnx") is None
    assert store.read("tiny", "a" * 12, "members/a.onnx") is None


def test_a_version_that_is_there_stays(store: ModelStore) -> None:
    assert store.put("tiny", "a" * 12, FILES)
    assert not store.put("tiny", "a" * 12, {MANIFEST: b"another"})
    assert store.read("tiny", "a" * 12, MANIFEST) == FILES[MANIFEST]


def test_a_damaged_one_is_replaced_when_told_so(store: ModelStore) -> None:
    assert store.put("tiny", "a" * 12, {MANIFEST: b"damaged"})
    assert store.put("tiny", "a" * 12, FILES, replace=True)
    assert {file: store.read("tiny", "a" * 12, file) for file in FILES} == FILES
    assert store.versions("tiny") == ["a" * 12]


def test_without_a_manifest_there_is_no_version(store: ModelStore) -> None:
    """Half of a copy, or of an upload."""
    store.put("tiny", "a" * 12, {"members/a.onnx": b"x"})
    assert store.names() == []
    assert store.versions("tiny") == []
    assert store.put("tiny", "a" * 12, FILES)
    assert store.versions("tiny") == ["a" * 12]


def test_it_says_where_it_is(store: ModelStore) -> None:
    assert store.place
    assert not store.place.endswith("/")
