"""Versions verified: what is damaged, altered or misplaced is refused by name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.errors import ConfigError, RetryError
from tables.models.directory import DirectoryStore
from tables.models.manifest import MemberFile, encode_manifest, named
from tables.models.memory import MemoryStore
from tables.models.registry import MANIFEST, ModelRegistry, ModelStore, check_path, split_model
from tests.tables.models.manifests import made


def test_a_version_comes_back_as_it_was(store: ModelStore) -> None:
    registry, (manifest, files) = ModelRegistry(store), made()
    assert registry.put(manifest, {**files, "report.html": b"<p>"})
    assert not registry.put(manifest, files)
    assert registry.load(manifest.model) == (manifest, files)
    assert registry.verify(manifest.model) == manifest
    assert registry.names() == ["tiny"]
    assert registry.versions("tiny") == [manifest.version]
    assert registry.place == store.place


def test_a_name_alone_is_its_newest_version(store: ModelStore) -> None:
    registry = ModelRegistry(store)
    manifests = [made(content=bytes([n]), created=f"2026-01-0{n}T00:00:00Z") for n in (2, 3, 1)]
    for manifest, files in manifests:
        registry.put(manifest, files)
    assert registry.resolve("tiny") == manifests[1][0].model
    assert registry.resolve(manifests[2][0].model) == manifests[2][0].model
    assert [found.created[9] for found in registry.manifests("tiny")] == ["1", "2", "3"]
    with pytest.raises(ConfigError, match=f"model huge: .* it has: tiny@{manifests[0][0].version}".replace("0", ".")):
        registry.resolve("huge")


@pytest.mark.parametrize("file", ["members/tree.onnx", "stacker.onnx"])
def test_a_damaged_file_is_refused_and_mended_by_another_put(store: ModelStore, file: str) -> None:
    registry, (manifest, files) = ModelRegistry(store), made()
    damaged = {**files, file: b"?" + files[file][1:], MANIFEST: encode_manifest(manifest)}
    store.put(manifest.name, manifest.version, damaged)
    with pytest.raises(ConfigError, match=rf"model {manifest.model}: {file} has the SHA-256 .*damaged or altered"):
        registry.load(manifest.model)
    assert registry.put(manifest, files)
    assert registry.load(manifest.model) == (manifest, files)


def test_an_altered_manifest_is_refused() -> None:
    store, (manifest, files) = MemoryStore(), made()
    altered = replace(manifest, act_above=0.01)
    store.put(manifest.name, manifest.version, {**files, MANIFEST: encode_manifest(altered)})
    with pytest.raises(ConfigError, match="altered after the training"):
        ModelRegistry(store).manifest(manifest.model)


def test_a_version_under_another_name_is_refused() -> None:
    store, (manifest, files) = MemoryStore(), made()
    store.put("other", manifest.version, {**files, MANIFEST: encode_manifest(manifest)})
    with pytest.raises(ConfigError, match=f"has {manifest.model} under its name"):
        ModelRegistry(store).load(f"other@{manifest.version}")


def test_what_is_put_must_be_whole_and_named() -> None:
    registry, (manifest, files) = ModelRegistry(MemoryStore()), made()
    with pytest.raises(ConfigError, match=r"no file stacker\.onnx"):
        registry.put(manifest, {"members/tree.onnx": files["members/tree.onnx"]})
    with pytest.raises(ConfigError, match="name it with `named`"):
        registry.put(replace(manifest, seed=1), files)
    assert registry.names() == []


def test_a_manifest_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    manifest, files = made()
    outside = named(replace(manifest, members=(MemberFile("tree", "lightgbm", "../../../secret", "0" * 64),)))
    store = DirectoryStore(tmp_path / "registry")
    store.put(outside.name, outside.version, {**files, MANIFEST: encode_manifest(outside)})
    with pytest.raises(ConfigError, match=r"'\.\./\.\./\.\./secret'.*plain path"):
        ModelRegistry(store).load(outside.model)
    with pytest.raises(ConfigError, match="plain path"):
        ModelRegistry(store).put(manifest, {**files, "/tmp/x": b""})  # noqa: S108 - refused


@given(st.text(max_size=30))
def test_any_path_stays_inside_or_is_refused(file: str) -> None:
    try:
        check_path("tiny", file)
    except ConfigError:
        return
    root = Path("/registry/tiny/0")
    assert root in Path(f"{root}/{file}").resolve().parents


@given(st.text(max_size=40))
def test_any_text_is_a_model_or_refused(text: str) -> None:
    try:
        name, version = split_model(text)
    except ConfigError as error:
        assert "faust -A app models list" in str(error)  # noqa: PT017 - a property of either way
    else:
        assert f"{name}@{version}" == text
        assert "/" not in text


def test_a_copy_answers_while_the_registry_is_away(tmp_path: Path) -> None:
    store, (manifest, files) = MemoryStore(), made()
    registry = ModelRegistry(store, DirectoryStore(tmp_path))
    registry.put(manifest, files)
    registry.load(manifest.model)
    store.away = True
    assert ModelRegistry(store, DirectoryStore(tmp_path)).load(manifest.model) == (manifest, files)
    other, _ = made(content=b"never read")
    with pytest.raises(RetryError, match="away"):
        registry.load(other.model)


def test_a_damaged_copy_is_made_anew(tmp_path: Path) -> None:
    store, cache, (manifest, files) = MemoryStore(), DirectoryStore(tmp_path), made()
    registry = ModelRegistry(store, cache)
    registry.put(manifest, files)
    registry.load(manifest.model)
    (tmp_path / manifest.name / manifest.version / "stacker.onnx").write_bytes(b"x")
    assert registry.load(manifest.model) == (manifest, files)
    assert cache.read(manifest.name, manifest.version, "stacker.onnx") == files["stacker.onnx"]


def test_no_room_for_a_copy_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store, (manifest, files) = MemoryStore(), made()
    registry = ModelRegistry(store, DirectoryStore(tmp_path / "file"))
    registry.put(manifest, files)
    assert registry.load(manifest.model) == (manifest, files)
