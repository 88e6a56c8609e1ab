"""The cache of jars: whole files only, whatever is killed, altered or missing."""

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import LocalError
from deploy.local.jars import ATTEMPTS, Jar, cache_folder, ensure_jars, fetch_with_jgo, read_list
from deploy.local.progress import Silent

CONTENT = {name: f"jar {name}".encode() for name in ("a", "b", "c")}
JARS = [Jar(f"org.x:{name}:1", hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENT.items()]


class Source:
    """Stands for Maven Central: gives each jar, and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.altered: set[str] = set()

    def __call__(self, jar: Jar, folder: Path, count: Callable[[int], None]) -> Path:
        """Write the jar below the folder."""
        name = jar.coordinates.split(":")[1]
        self.asked.append(name)
        assert not folder.exists(), "each attempt has a folder of its own"
        folder.mkdir(parents=True)
        path = folder / "download"
        data = b"something else" if name in self.altered else CONTENT[name]
        path.write_bytes(data[:2])
        if self.failures.get(name):
            raise self.failures[name].pop()
        path.write_bytes(data)
        count(len(data))
        return path


class Bars(Silent):
    """Keeps what was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.figures: list[tuple[int, int]] = []

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)

    def advance(self, what: str, done: int, total: int) -> None:
        """Keep the figures."""
        assert what == "Kafka"
        self.figures.append((done, total))


def content(folder: Path) -> dict[str, bytes]:
    """Names and bytes of a folder's files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WHOLE = {f"{name}-1.jar": data for name, data in CONTENT.items()}


def test_the_pinned_list_is_one_kafka() -> None:
    pinned = read_list()
    assert len(pinned) == 53
    assert {j.coordinates.rsplit(":", 1)[1] for j in pinned if j.coordinates.startswith("org.apache.kafka:")} == {
        "4.3.0"
    }
    assert all(len(jar.sha256) == 64 and jar.size > 1000 for jar in pinned)
    assert len({jar.name for jar in pinned}) == 53


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    source, bars = Source(), Bars()
    folder = ensure_jars(tmp_path, bars, JARS, source)
    assert content(folder) == WHOLE
    assert bars.figures[-1] == (15, 15)
    assert sum(done == total for done, total in bars.figures) == 1, "it ends once"
    assert len(bars.lines) == 1
    assert str(folder) in bars.lines[0]

    assert ensure_jars(tmp_path, bars, JARS, source) == folder
    assert sorted(source.asked) == ["a", "b", "c"]
    assert len(bars.lines) == 1


def test_a_damaged_or_missing_jar_is_fetched_again(tmp_path: Path) -> None:
    source = Source()
    folder = ensure_jars(tmp_path, Silent(), JARS, source)
    (folder / "a-1.jar").write_bytes(b"jar")
    (folder / "b-1.jar").unlink()
    source.asked.clear()
    ensure_jars(tmp_path, Silent(), JARS, source)
    assert content(folder) == WHOLE
    assert sorted(source.asked) == ["a", "b"]


def test_an_altered_download_is_refused(tmp_path: Path) -> None:
    source = Source()
    source.altered = {"b"}
    with pytest.raises(LocalError) as failure:
        ensure_jars(tmp_path, Silent(), JARS, source)
    found = hashlib.sha256(b"something else").hexdigest()
    assert f"org.x:b:1: SHA-256 is {found}, expected {JARS[1].sha256}: refused" in str(failure.value)
    (folder,) = (path for path in (tmp_path / "jars").iterdir() if path.is_dir())
    assert "b-1.jar" not in content(folder)
    assert content(folder).items() <= WHOLE.items()

    source.altered = set()
    assert content(ensure_jars(tmp_path, Silent(), JARS, source)) == WHOLE


def test_what_a_killed_download_left_does_no_harm(tmp_path: Path) -> None:
    folder = ensure_jars(tmp_path, Silent(), JARS, Source())
    (folder / "c-1.jar").unlink()
    part = folder.with_name(f"{folder.name}.part") / "c-1.jar.1"
    part.mkdir(parents=True)
    (part / "download").write_bytes(b"ja")
    assert content(ensure_jars(tmp_path, Silent(), JARS, Source())) == WHOLE
    assert not part.parent.exists()


def test_a_broken_download_is_tried_again_then_reported(tmp_path: Path) -> None:
    source = Source()
    source.failures["a"] = [ConnectionError("reset")] * (ATTEMPTS - 1)
    assert content(ensure_jars(tmp_path / "one", Silent(), JARS, source)) == WHOLE

    source.failures["b"] = [ConnectionError("reset by peer")] * ATTEMPTS
    with pytest.raises(LocalError) as failure:
        ensure_jars(tmp_path / "two", Silent(), JARS, source)
    assert "org.x:b:1 could not be downloaded (ConnectionError: reset by peer): check the network" in str(failure.value)


def test_two_at_once_download_once(tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()
    source = Source()

    def slow(jar: Jar, folder: Path, count: Callable[[int], None]) -> Path:
        inside.set()
        assert go_on.wait(20)
        return source(jar, folder, count)

    class Waiting(Silent):
        def say(self, line: str) -> None:
            assert line.startswith("waiting for another process")
            go_on.set()

    first = threading.Thread(target=ensure_jars, args=(tmp_path, Silent(), JARS, slow))
    first.start()
    assert inside.wait(20)
    folder = ensure_jars(tmp_path, Waiting(), JARS, source)
    first.join(20)
    assert content(folder) == WHOLE
    assert sorted(source.asked) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"HAYATE_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"HAYATE_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/hayate"),
        ({"HOME": "/h"}, "/h/.cache/hayate"),
    ],
)
def test_where_the_cache_is(env: dict[str, str], expected: str) -> None:
    assert cache_folder(env) == Path(expected)


def test_without_a_home_variable_the_users_home_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/of/the/user"))
    assert cache_folder({}) == Path("/of/the/user/.cache/hayate")


def test_without_jgo_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(LocalError, match=r"the package jgo is not installed: pip install '\.\[local\]'"):
        ensure_jars(tmp_path, Silent(), JARS, fetch_with_jgo)


class Response:
    """What `requests` gives for one file."""

    status_code = 200
    text = hashlib.sha1(CONTENT["a"], usedforsecurity=False).hexdigest()
    headers = {"content-length": str(len(CONTENT["a"]))}  # noqa: RUF012 - read only

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """The file in two parts."""
        assert chunk_size
        yield CONTENT["a"][:2]
        yield CONTENT["a"][2:]


def test_jgo_fetches_by_exact_coordinates_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def get(url: str, **_: object) -> Response:
        asked.append(url)
        return Response()

    monkeypatch.setattr("jgo.util.http.get", get)
    counted: list[int] = []
    path = fetch_with_jgo(JARS[0], tmp_path / "staging", counted.append)
    assert path.read_bytes() == CONTENT["a"]
    assert counted == [2, 3]
    assert asked[0].endswith("/org/x/a/1/a-1.jar")
    assert JARS[0].is_whole(path)


def test_the_real_list_is_what_is_ensured_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "jars.txt"
    listing.write_text(f"# comment\n\norg.x:a:1 {JARS[0].sha256} 5\n", encoding="utf-8")
    monkeypatch.setattr(jars, "read_list", lambda: read_list(listing))
    monkeypatch.setattr(jars, "fetch_with_jgo", Source())
    assert content(ensure_jars(tmp_path, Silent())) == {"a-1.jar": CONTENT["a"]}
