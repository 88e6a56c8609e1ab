"""Apache Kafka's jars: fetched once from Maven Central, kept in a cache, checked before every start.

`jars.txt` pins the runtime closure of one Kafka version, for jgo's own resolver mixes versions (3.2.0 picks
kafka-clients 3.9.1 beside a 4.3.0 broker); jgo only fetches by exact coordinates.

A jar is downloaded beside the cache, checked, and then renamed into it: whatever is killed when, the cache holds
whole jars only, and the next run fetches the others. One process at a time works on it.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from deploy.local.errors import LocalError
from deploy.local.files import file_lock
from deploy.local.progress import Progress

LIST = Path(__file__).with_name("jars.txt")
AT_ONCE = 8
ATTEMPTS = 3
TIMEOUT_S = 30

Fetch = Callable[["Jar", Path, Callable[[int], None]], Path]
"""Download a jar below a folder, telling each number of bytes as it comes; returns where it is."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    coordinates: str
    """`group:artifact:version`."""
    sha256: str
    size: int
    """Bytes."""

    @property
    def name(self) -> str:
        """File name in the cache."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    def is_whole(self, path: Path) -> bool:
        """Whether the file is there and is this jar."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def read_list(path: Path = LIST) -> list[Jar]:
    """The pinned jars: lines of coordinates, SHA-256 and size in bytes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = (line.split() for line in lines if line and not line.startswith("#"))
    return [Jar(coordinates, sha256, int(size)) for coordinates, sha256, size in parts]


def cache_folder(env: Mapping[str, str]) -> Path:
    """`HAYATE_CACHE`, else `XDG_CACHE_HOME`/hayate, else ~/.cache/hayate; empty values count as absent."""
    if given := env.get("HAYATE_CACHE"):
        return Path(given).absolute()
    if given := env.get("XDG_CACHE_HOME"):
        return Path(given).absolute() / "hayate"
    home = env.get("HOME")
    return (Path(home) if home else Path.home()) / ".cache" / "hayate"


def ensure_jars(cache: Path, progress: Progress, jars: Sequence[Jar] | None = None, fetch: Fetch | None = None) -> Path:
    """Folder that holds exactly the pinned jars; those missing or damaged are downloaded first.

    Raises:
        LocalError: a download failed, or gave another file than the pinned one.
    """
    jars = read_list() if jars is None else jars
    pinned = hashlib.sha256("".join(jar.sha256 for jar in jars).encode()).hexdigest()
    folder = cache / "jars" / pinned[:16]
    with file_lock(cache / "jars" / f"{pinned[:16]}.lock", progress):
        folder.mkdir(exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            whole = pool.map(lambda jar: jar.is_whole(folder / jar.name), jars)
            missing = [jar for jar, there in zip(jars, whole, strict=True) if not there]
        if missing:
            _download(missing, folder, progress, fetch or fetch_with_jgo)
    return folder


def _download(jars: Sequence[Jar], folder: Path, progress: Progress, fetch: Fetch) -> None:
    """Fetch the jars side by side into `folder`; the first failure is raised when those under way have ended."""
    total = sum(jar.size for jar in jars)
    progress.say(f"downloading {len(jars)} jars of Apache Kafka ({total / 1e6:.0f} MB, once) to {folder}")
    staging = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(staging, ignore_errors=True)  # what a killed download left
    done = 0
    lock = Lock()

    def count(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress.advance("Kafka", min(done, total - 1), total)

    def one(jar: Jar) -> None:
        path = _fetch_patiently(jar, staging, count, fetch)
        if not jar.is_whole(path):
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            raise LocalError(
                f"{jar.coordinates}: SHA-256 is {found}, expected {jar.sha256}: refused; "
                "start again, and if it stays so, look for a proxy that alters downloads"
            )
        path.replace(folder / jar.name)

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for _ in pool.map(one, jars):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(staging, ignore_errors=True)
    progress.advance("Kafka", total, total)


def _fetch_patiently(jar: Jar, staging: Path, count: Callable[[int], None], fetch: Fetch) -> Path:
    """Fetch one jar, into a folder of its own at each attempt: a broken download must not pass for a finished one."""
    attempt = 1
    while True:
        try:
            return fetch(jar, staging / f"{jar.name}.{attempt}", count)
        except LocalError:
            raise
        except Exception as error:
            if attempt == ATTEMPTS:
                raise LocalError(
                    f"{jar.coordinates} could not be downloaded ({type(error).__name__}: {error}): check the network "
                    "and its variables (HTTPS_PROXY, REQUESTS_CA_BUNDLE) and start again (finished jars are kept), "
                    "or set HAYATE_KAFKA_URL"
                ) from error
        attempt += 1


def fetch_with_jgo(jar: Jar, folder: Path, count: Callable[[int], None]) -> Path:
    """Download one jar by its exact coordinates.

    Raises:
        LocalError: jgo is not installed.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise LocalError("the package jgo is not installed: pip install '.[local]'") from error

    @contextmanager
    def counting(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield count

    context = MavenContext(PythonResolver(progress_callback=counting), repo_cache=folder, timeout=TIMEOUT_S)
    group, artifact, version = jar.coordinates.split(":")
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())
