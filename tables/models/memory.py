"""Versions of models in memory: the honest twin of the other stores."""

from collections.abc import Mapping

from streams.errors import RetryError
from tables.models.registry import MANIFEST


class MemoryStore:
    """A `ModelStore` that is forgotten with the process."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str], bytes] = {}
        """(name, version, file) -> content."""
        self.away = False
        """Whether it answers nobody."""

    @property
    def place(self) -> str:
        """Memory."""
        return "memory"

    def names(self) -> list[str]:
        """See `ModelStore.names`."""
        self._reach()
        return sorted({name for name, _, file in self.files if file == MANIFEST})

    def versions(self, name: str) -> list[str]:
        """See `ModelStore.versions`."""
        self._reach()
        return sorted(version for n, version, file in self.files if n == name and file == MANIFEST)

    def read(self, name: str, version: str, file: str) -> bytes | None:
        """See `ModelStore.read`."""
        self._reach()
        return self.files.get((name, version, file))

    def put(self, name: str, version: str, files: Mapping[str, bytes], *, replace: bool = False) -> bool:
        """See `ModelStore.put`."""
        self._reach()
        if not replace and (name, version, MANIFEST) in self.files:
            return False
        self.files |= {(name, version, file): content for file, content in files.items()}
        return True

    def _reach(self) -> None:
        if self.away:
            raise RetryError("model registry: memory is away; it comes back when it is told to")
