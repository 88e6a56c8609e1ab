"""`python3 deploy/bootstrap.py demo|test`: a `.venv` with the locked requirements, and nothing to do the second time.

Runs on whatever Python 3.7 or later the machine calls `python3`, standard library only, and looks for one that Hayate
runs on: PYTHON of the environment, the running one, then python3.13 to python3.11 on the PATH. Pip checks every file
against the hashes of deploy/requirements/NAME.txt and shows what it downloads. What was installed is noted in
`.venv/hayate-locks.txt`, one line per set: its name and the SHA-256 of its lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NoReturn  # noqa: UP035 - collections.abc is not subscriptable before Python 3.9

OLDEST = (3, 11)
NEWEST = (3, 13)
"""Bounds of requires-python in pyproject.toml: rocksdict has no wheels beyond."""
OLDEST_PIP = (22, 0)
SETS = ("worker", "demo", "test")
"""Each holds the ones before it, with the same pins."""
ROOT = Path(__file__).resolve().parent.parent
ASK = "import sys; print('%d.%d' % sys.version_info[:2]); import venv, ensurepip"
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Prepare `.venv` for one set of requirements; returns the exit status."""
    if len(arguments) != 1 or arguments[0] not in SETS:
        fail(f"usage: python3 deploy/bootstrap.py {'|'.join(SETS)}")
    name = arguments[0]
    with only_one():
        if not (installed(name) and works(ROOT)):
            install(name)
    return 0


def install(name: str) -> None:
    """Make `.venv` unless it is there and works, and have pip install one lock file into it."""
    python = venv_python(ROOT)
    if not works(ROOT):
        chosen, version = find_python()
        say(f"making .venv with {chosen} (Python {version})")
        if run([chosen, "-m", "venv", "--clear", str(ROOT / ".venv")]) != 0:
            fail(f"{chosen} -m venv failed: see above; then remove .venv and try again")
    if pip_version(python) < OLDEST_PIP:
        say("the pip of .venv is too old to read our lock file: a newer one")
        if run([str(python), "-m", "pip", "install", "--upgrade", "pip"]) != 0:
            fail("pip could not be upgraded: see above; is there a way to the package index?")
    lock = f"deploy/requirements/{name}.txt"
    say(f"installing {lock} into .venv")
    # Every package has a wheel for x86-64. Elsewhere one may have to be built, which pip then says.
    wheels = ["--only-binary", ":all:"] if platform.machine() == "x86_64" else []
    remedy = (
        "is there a way to the package index?"
        if wheels
        else "if a compiler is missing: sudo apt install build-essential"
    )
    if run([str(python), "-m", "pip", "install", "--require-hashes", *wheels, "-r", str(ROOT / lock)]) != 0:
        fail(f"pip could not install {lock}: see above; {remedy}; then try again, what is installed is kept")
    note(name)


def find_python() -> tuple[str, str]:  # noqa: RET503 - fail() never returns
    """Path and version of a Python that Hayate runs on and that can make virtual environments."""
    given = os.environ.get("PYTHON", "")
    names = (
        [given]
        if given not in ("", "python3")
        else [sys.executable, "python3.13", "python3.12", "python3.11", "python3"]
    )
    without_venv, others = [], []
    for name in names:
        version, complete = ask(name)
        if version is None:
            continue
        if not OLDEST <= numbers(version) <= NEWEST:
            others.append(f"{name} is {version}")
        elif complete:
            return name, version
        else:
            without_venv.append((name, version))
    if without_venv:
        name, version = without_venv[0]
        fail(
            f"{name} (Python {version}) cannot make virtual environments: its venv module is not installed.\n"
            f"remedy: sudo apt install python{version}-venv"
        )
    found = "; ".join(dict.fromkeys(others)) or f"no {' or '.join(dict.fromkeys(names))} could be run"
    fail(
        f"Hayate needs Python 3.11, 3.12 or 3.13: {found}.\n"
        "remedy: sudo apt install python3.11 python3.11-venv (or 3.12, 3.13: what your system has), "
        "or name one: make demo PYTHON=/path/to/python3.12"
    )


def ask(python: str) -> tuple[str | None, bool]:
    """The version of an interpreter (None: it cannot be run), and whether it has venv and ensurepip."""
    try:
        answer = subprocess.run(  # noqa: S603 - an interpreter of this machine, a fixed question
            [python, "-c", ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
        )
    except OSError:
        return None, False
    return answer.stdout.strip() or None, answer.returncode == 0


def works(root: Path) -> bool:
    """Whether `.venv` is complete, where it was made, and of a version that Hayate runs on."""
    python = venv_python(root)
    if not python.exists():
        return False
    version, _ = ask(str(python))
    if version is None or not OLDEST <= numbers(version) <= NEWEST:
        say(f".venv is of no use ({'broken' if version is None else 'Python ' + version}): making it anew")
        return False
    return True


def venv_python(root: Path) -> Path:
    """The interpreter of `.venv`."""
    return root / ".venv" / "bin" / "python"


def pip_version(python: Path) -> tuple[int, ...]:
    """Version of the pip in `.venv`; zero if there is none."""
    answer = subprocess.run(  # noqa: S603 - our own interpreter
        [str(python), "-c", "import pip; print(pip.__version__)"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return numbers(answer.stdout) if answer.returncode == 0 else (0,)


def numbers(version: str) -> tuple[int, ...]:
    """`3.11` -> (3, 11); what follows the first two numbers is left out."""
    return tuple(int(part) for part in version.strip().split(".")[:2] if part.isdigit())


def digest(name: str) -> str:
    """SHA-256 of a lock file."""
    return hashlib.sha256((ROOT / "deploy" / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def installed(name: str) -> bool:
    """Whether `.venv` holds this set, or a larger one, as the lock file pins it now."""
    known = noted()
    return any(known.get(other) == digest(other) for other in SETS[SETS.index(name) :])


def noted() -> dict[str, str]:
    """Set -> digest of the lock file that `.venv` holds."""
    try:
        lines = (ROOT / ".venv" / "hayate-locks.txt").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split() for line in lines if line.count(" ") == 1)


def note(name: str) -> None:
    """Note a set as installed; others stay noted only if their files are still the same, for pins may have moved."""
    kept = {other: known for other, known in noted().items() if other in SETS and digest(other) == known}
    kept[name] = digest(name)
    path = ROOT / ".venv" / "hayate-locks.txt"
    new = path.with_name("hayate-locks.new")
    new.write_text("".join(f"{other} {known}\n" for other, known in sorted(kept.items())), encoding="ascii")
    new.replace(path)


@contextmanager
def only_one() -> Iterator[None]:
    """Let another bootstrap of this checkout finish first; the kernel gives the lock up when its holder dies."""
    path = ROOT / ".hayate" / "bootstrap.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: list[str]) -> int:
    """Run a program with our terminal; returns its exit status."""
    return subprocess.run(  # noqa: S603 - commands of this file
        command, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, check=False
    ).returncode


def say(line: str) -> None:
    """Tell one line, ahead of what a child prints."""
    print(f"hayate: {line}", flush=True)


def fail(message: str) -> NoReturn:
    """End with a message."""
    sys.exit(f"hayate: {message}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
