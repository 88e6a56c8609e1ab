"""Kafka Streams as a contestant: compiled with the JDK on the PATH against the jars of the broker and its own."""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.jars import cache_folder, ensure_jars, read_list
from deploy.local.progress import Progress, Silent
from tests.benchmarks.peers.contestant import Contestant, Job

JAVA = Path(__file__).with_name("java")
MEMORY = ("-Xms256m", "-Xmx1g", "-XX:+UseSerialGC")
"""One core: the serial collector is the one without threads of its own."""


class Unavailable(Exception):  # noqa: N818 - a state of the machine, not an error
    """A contestant cannot run here; the text says why."""


def contestants(folder: Path, progress: Progress | None = None) -> list[Contestant]:
    """With the store's cache on (one changelog record per symbol and commit) and off (one per tick).

    Raises:
        Unavailable: there is no JDK, or the jars cannot be had.
    """
    java, javac = shutil.which("java"), shutil.which("javac")
    if java is None or javac is None:
        raise Unavailable("no JDK on the PATH (javac)")
    cache = cache_folder(os.environ)
    progress = progress or Silent()
    try:
        jars = [ensure_jars(cache, progress), ensure_jars(cache, progress, read_list(JAVA / "jars.txt"))]
    except LocalError as error:
        raise Unavailable(f"its jars could not be fetched: {error}") from error
    path = ":".join([str(folder), *(f"{jar}/*" for jar in jars)])
    done = subprocess.run(
        [javac, "-cp", path, "-d", str(folder), str(JAVA / "Contestant.java")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"javac refuses it: {done.stderr.strip()}")
    return [
        Contestant(f"Kafka Streams, store cache {word}", lambda job, how=how: command(java, path, job, how))  # type: ignore[misc]
        for how, word in (("cached", "on"), ("uncached", "off"))
    ]


def command(java: str, path: str, job_file: Path, how: str) -> list[str]:
    """The call of java."""
    job = Job.read(str(job_file))
    return [
        java,
        *MEMORY,
        "-cp",
        path,
        "Contestant",
        *(job.servers, job.source, job.target, job.group, str(job.values), str(job.state_bytes)),
        str(Path(job.folder) / "state"),
        how,
    ]
