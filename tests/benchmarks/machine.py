"""What a figure depends on: the machine, the versions, and which core does whose work."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deploy.local import LocalStack
from deploy.local.kafka import kafka_version

PACKAGES = (
    "faust-streaming",
    "aiokafka",
    "rocksdict",
    "redis",
    "numpy",
    "numba",
    "msgspec",
    "uvloop",
    "talipp",
    "TA-Lib",
)
PROC = Path("/proc")
MIB = 1024
BUSY = 0.5
"""Load per core before a run, above which the machine counts as busy."""


@dataclass(frozen=True)
class Cores:
    """Which cores the servers (and the load) have, and which the contestant; both empty where there is one core."""

    servers: frozenset[int] = frozenset()
    contestant: frozenset[int] = frozenset()

    @classmethod
    def of(cls, available: Collection[int]) -> "Cores":
        """The last core for the contestant, the others for the servers and the load."""
        cores = sorted(available)
        if len(cores) < 2:
            return cls()
        return cls(frozenset(cores[:-1]), frozenset(cores[-1:]))

    @classmethod
    def here(cls) -> "Cores":
        """Of this machine."""
        return cls.of(os.sched_getaffinity(0))

    def __str__(self) -> str:
        if not self.contestant:
            return "one core, nothing pinned"
        return f"broker, Redis and load on core {_listed(self.servers)}, contestant on core {_listed(self.contestant)}"


def _listed(cores: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def pin(pid: int, cores: Collection[int]) -> None:
    """Put a process, with all the threads that it has, on these cores; without any nothing is done."""
    if not cores:
        return
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(ProcessLookupError):  # a thread that ended meanwhile
            os.sched_setaffinity(int(task.name), cores)


def pin_servers(stack: LocalStack, cores: Cores) -> None:
    """Put the servers that were started here, and this process, which makes the load, on their cores."""
    for name in ("kafka", "redis"):
        if (pid := stack.pid(name)) is not None:
            pin(pid, cores.servers)
    pin(os.getpid(), cores.servers)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, those of children that it has waited for included."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory that the process has now."""
    return _status(pid, "VmRSS:") / MIB


def peak_mib(pid: int) -> float:
    """Most memory that the process ever had."""
    return _status(pid, "VmHWM:") / MIB


def _status(pid: int, name: str) -> int:
    text = (PROC / str(pid) / "status").read_text(encoding="ascii")
    return int(text.partition(name)[2].split()[0])


def wait_until_quiet(deadline_s: float = 180.0) -> None:
    """Until the load of what ran before has died away; not for ever, for others may use the machine."""
    end = time.monotonic() + deadline_s
    while os.getloadavg()[0] > BUSY * (os.cpu_count() or 1) / 2 and time.monotonic() < end:
        time.sleep(1.0)


def machine() -> dict[str, str]:
    """Processor, cores, memory, system and versions, as the page names them."""
    found = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Apache Kafka": kafka_version(),
    }
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _processor() -> str:
    with suppress(OSError):
        for line in (PROC / "cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def java_version(env: Mapping[str, str] = os.environ) -> str | None:
    """First line of what the JDK on the PATH says of itself; None where there is no compiler."""
    path = env.get("PATH")
    java, javac = shutil.which("java", path=path), shutil.which("javac", path=path)
    if java is None or javac is None:
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return said.partition("\n")[0]
