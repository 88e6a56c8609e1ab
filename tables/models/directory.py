"""Versions of models in a folder."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from streams.errors import RetryError
from tables.models.registry import MANIFEST


class DirectoryStore:
    """A `ModelStore` in the folder `root`, which is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def names(self) -> list[str]:
        """See `ModelStore.names`."""
        return [name for name in _folders(self._root) if self.versions(name)]

    def versions(self, name: str) -> list[str]:
        """See `ModelStore.versions`."""
        return [
            version for version in _folders(self._root / name) if (self._root / name / version / MANIFEST).is_file()
        ]

    def read(self, name: str, version: str, file: str) -> bytes | None:
        """See `ModelStore.read`."""
        path = self._root / name / version / file
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RetryError(f"model registry: {path}: {error.strerror}; make it readable") from None

    def put(self, name: str, version: str, files: Mapping[str, bytes], *, replace: bool = False) -> bool:
        """See `ModelStore.put`: written beside it, made durable, and renamed."""
        target = self._root / name / version
        if not replace and (target / MANIFEST).is_file():
            return False
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=target.parent))
        except OSError as error:
            raise RetryError(f"model registry: {target}: {error.strerror}; make it writable") from None
        try:
            draft.chmod(0o755)  # readable as the rest of the registry is, for mkdtemp makes it private
            for file, content in files.items():
                path = draft / file
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
            return _take(draft, target, replace=replace)
        except OSError as error:
            raise RetryError(f"model registry: {target}: {error.strerror}; make room, or make it writable") from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _take(draft: Path, target: Path, *, replace: bool) -> bool:
    """Make the draft the version; False where somebody was faster."""
    if (replace or not (target / MANIFEST).is_file()) and target.exists():
        # Damaged, or half of a copy by hand: out of the way. Its name begins with a dot as those of drafts do.
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        target.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    try:
        draft.rename(target)
    except OSError:
        if not (target / MANIFEST).is_file():
            raise
        return False
    return True


def _folders(path: Path) -> list[str]:
    """Names of the folders in `path`, sorted; drafts of versions are none."""
    try:
        return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RetryError(f"model registry: {path}: {error.strerror}; make it readable") from None
