"""What runs in one data folder: a small JSON file that `up` writes and every later command reads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.files import write_atomically
from deploy.local.processes import Process


@dataclass(frozen=True)
class Running:
    """A server that was started here; whether it still runs is the process's own matter."""

    process: Process
    port: int
    url: str
    chosen: str
    """Which program it is, for a person."""


class State:
    """The records by server name, kept in `folder`/state.json."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"

    def read(self) -> dict[str, Running]:
        """All records; none before the first start.

        Raises:
            LocalError: the file is not one of ours.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                name: Running(**{**record, "process": Process(**record["process"])}) for name, record in found.items()
            }
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LocalError(
                f"{self.path} cannot be read ({error}): stop servers that still run by hand, then remove the file"
            ) from error

    def put(self, name: str, record: Running) -> None:
        """Write one record, in place of an older one of that name."""
        records = self.read() | {name: record}
        text = json.dumps({name: asdict(record) for name, record in records.items()}, indent=2)
        write_atomically(self.path, text + "\n")
