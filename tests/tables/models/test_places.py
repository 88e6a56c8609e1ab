"""What is particular to each place: drafts of folders, buckets that are away, settings that name them."""

import sys
from pathlib import Path

import pytest

from streams.errors import ConfigError, RetryError
from streams.settings import Settings
from tables.models.bucket import BucketStore
from tables.models.directory import DirectoryStore
from tables.models.registry import MANIFEST, ModelRegistry
from tables.models.setup import registry_for
from tests.tables.models.manifests import made

VERSION = "a" * 12


def test_a_folder_shows_no_drafts_and_leaves_none(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    (tmp_path / "tiny" / f".{VERSION}-half").mkdir(parents=True)
    (tmp_path / "tiny" / f".{VERSION}-half" / MANIFEST).write_bytes(b"{}")
    assert store.names() == []
    store.put("tiny", VERSION, {MANIFEST: b"1"})
    store.put("tiny", VERSION, {MANIFEST: b"2"}, replace=True)
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == [f".{VERSION}-half", VERSION]
    assert store.read("tiny", VERSION, MANIFEST) == b"2"


def test_a_version_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    with pytest.raises(RetryError, match=r"make room, or make it writable"):
        store.put("tiny", VERSION, {MANIFEST: b"1", f"{MANIFEST}/below": b"a file is no folder"})
    assert [*(tmp_path / "tiny").iterdir()] == []


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryStore(tmp_path / "file")
    assert store.names() == []
    assert store.read("tiny", VERSION, MANIFEST) is None
    with pytest.raises(RetryError, match="make it writable"):
        store.put("tiny", VERSION, {MANIFEST: b"1"})


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "tiny" / VERSION / "members").mkdir(parents=True)
    with pytest.raises(RetryError, match="make it readable"):
        DirectoryStore(tmp_path).read("tiny", VERSION, "members")


def test_a_bucket_that_is_not_there(bucket: str, s3_endpoint: str) -> None:
    store = BucketStore(f"{bucket}x", endpoint=s3_endpoint)
    with pytest.raises(RetryError, match=rf"s3://{bucket}x at http://.*: NoSuchBucket; see HAYATE_S3_ENDPOINT"):
        store.names()
    with pytest.raises(RetryError, match="NoSuchBucket"):
        store.put("tiny", VERSION, {MANIFEST: b"1"})


def test_a_bucket_whose_server_is_away(bucket: str) -> None:
    store = BucketStore(bucket, endpoint="http://127.0.0.1:1")
    for ask in (store.names, lambda: store.versions("tiny"), lambda: store.read("tiny", VERSION, MANIFEST)):
        with pytest.raises(RetryError, match="EndpointConnectionError") as caught:
            ask()
        assert "testing" not in str(caught.value)


def test_an_endpoint_that_is_none(bucket: str) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_S3_ENDPOINT=nowhere: .* give https://host:port"):
        BucketStore(bucket, endpoint="nowhere").names()


def test_credentials_are_asked_of_boto3(bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RetryError, match=r"NoCredentialsError; .*AWS_ACCESS_KEY_ID"):
        BucketStore(bucket, endpoint=s3_endpoint).names()


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"HAYATE_MODEL_REGISTRY=s3://b: .*extra `s3`.*pip install"):
        registry_for(Settings(model_registry="s3://b"))


def test_the_settings_name_the_place(bucket: str, s3_endpoint: str, tmp_path: Path) -> None:
    manifest, files = made()
    folder = Settings(model_registry=str(tmp_path / "r"), data_dir=tmp_path / "data")
    in_bucket = folder.model_copy(update={"model_registry": f"s3://{bucket}/m/", "s3_endpoint": s3_endpoint})
    for settings, place in ((folder, str(tmp_path / "r")), (in_bucket, f"s3://{bucket}/m")):
        registry = registry_for(settings, cached=True)
        assert registry.place == place
        assert registry.put(manifest, files)
        assert registry.load(manifest.model) == (manifest, files)
    assert ModelRegistry(DirectoryStore(tmp_path / "data" / "models")).names() == ["tiny"]


@pytest.mark.parametrize("where", ["", "http://host/x", "s3://", "s3://key:secret@bucket", "s3://bucket?x=1"])
def test_other_places_are_refused(where: str) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_MODEL_REGISTRY.*s3://bucket/prefix") as caught:
        registry_for(Settings(model_registry=where))
    assert "secret" not in str(caught.value)


def test_an_upload_that_breaks_off_leaves_no_version(bucket: str, s3_endpoint: str) -> None:
    store = BucketStore(bucket, endpoint=s3_endpoint)
    with pytest.raises(RetryError, match="ParamValidationError"):
        store.put("tiny", VERSION, {MANIFEST: b"{}", "stacker.onnx": 1})  # type: ignore[dict-item]
    assert store.versions("tiny") == []
