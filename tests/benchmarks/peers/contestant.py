"""A contestant of the throughput case: a program that turns ticks into feature records, started as a process."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Job:
    """What a contestant is to do."""

    servers: str
    """Kafka, `host:port`."""
    source: str
    """Topic with the ticks, which are all there."""
    target: str
    """Topic for the features, one of each tick."""
    group: str
    partitions: int
    feature_set: str
    values: int
    """Outputs of the feature set."""
    state_bytes: int
    """Of a symbol."""
    record_bytes: int
    """Of a feature record, about."""
    folder: str
    """Empty; state, and the contestant's log."""
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str) -> "Job":
        """As `write` left it."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def write(self) -> Path:
        """Write it for the contestant's process; returns the file."""
        path = Path(self.folder) / "job.json"
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


Command = Callable[[Path], list[str]]
"""The program and its arguments, given the file of the job."""


@dataclass(frozen=True)
class Contestant:
    """How a contestant is called and started."""

    name: str
    command: Command
    env: Mapping[str, str] = field(default_factory=dict)

    def start(self, job: Job) -> "subprocess.Popen[bytes]":
        """Start it; what it says goes to `contestant.log` in the folder of the job."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}
        with (Path(job.folder) / "contestant.log").open("wb") as out:
            return subprocess.Popen(
                self.command(job.write()),
                cwd=CHECKOUT,
                env=env | {"PYTHONPATH": str(CHECKOUT), **self.env},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
