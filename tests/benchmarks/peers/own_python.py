"""An environment of its own for a contestant whose dependencies clash with ours; made once, in the cache folder."""

import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.peers.kafka_streams import Unavailable

SAME = ("numpy", "numba", "msgspec", "talipp")
"""In our version: both sides run the same kernel."""
INSTALL_S = 900.0


def python_with(cache: Path, packages: Sequence[str]) -> Path:
    """The interpreter of an environment with these requirements, and ours of `SAME`.

    Raises:
        Unavailable: it cannot be installed.
    """
    wanted = [*packages, *(f"{name}=={version(name)}" for name in SAME)]
    digest = sha256(" ".join([*wanted, sys.version]).encode()).hexdigest()[:16]
    folder = cache / "peers" / digest
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=INSTALL_S)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted],
            check=True,
            timeout=INSTALL_S,
            capture_output=True,
            text=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or ""
        raise Unavailable(f"{', '.join(packages)} cannot be installed: {said.strip()[-300:] or error}") from error
    done.touch()
    return python


def version_in(python: Path, package: str) -> str:
    """Version of a package in that environment."""
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(python), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()
