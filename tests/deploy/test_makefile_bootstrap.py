"""`deploy/bootstrap.py`: which Python it takes, what it says when there is none, and that it does nothing twice."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "deploy" / "bootstrap.py"
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a space, whose lock files pin nothing, and an empty PATH beside it."""
    root = tmp_path / "a checkout"
    (root / "deploy" / "requirements").mkdir(parents=True)
    shutil.copy(SOURCE, root / "deploy")
    for name in ("worker", "demo", "test"):
        (root / "deploy" / "requirements" / f"{name}.txt").write_text(f"# {name}\n", encoding="ascii")
    (root / "bin").mkdir()
    return root


def put_python(checkout: Path, name: str, version: str, *, venv: bool = True) -> Path:
    """A program on the PATH that answers like a Python of that version."""
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\necho {version}\nexit {0 if venv else 1}\n", encoding="ascii")
    path.chmod(0o755)
    return path


def bootstrap(
    checkout: Path, name: str, *, python: str = sys.executable, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "deploy/bootstrap.py", name],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def found(checkout: Path, **env: str) -> tuple[str, int]:
    """What it says and its exit status where the running Python itself is none that Hayate runs on."""
    code = (
        "import runpy, sys; sys.executable = '/nonexistent'; sys.argv = ['bootstrap.py', 'demo']; "
        "runpy.run_path('deploy/bootstrap.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, done.returncode


def test_any_python_since_3_7_can_read_it() -> None:
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_it_makes_an_environment_and_the_second_time_does_nothing(checkout: Path) -> None:
    first = bootstrap(checkout, "demo")
    assert first.returncode == 0, first.stderr
    assert "making .venv" in first.stdout
    digest = hashlib.sha256(b"# demo\n").hexdigest()
    assert (checkout / ".venv" / "hayate-locks.txt").read_text(encoding="ascii") == f"demo {digest}\n"
    second = bootstrap(checkout, "demo")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    # A larger set is installed on top and covers the smaller ones from then on.
    larger = bootstrap(checkout, "test")
    assert "making" not in larger.stdout
    assert "installing deploy/requirements/test.txt" in larger.stdout
    assert bootstrap(checkout, "worker").stdout == ""

    # A lock file that changed is installed again, and what was noted for others that changed is forgotten.
    (checkout / "deploy" / "requirements" / "demo.txt").write_text("# demo 2\n", encoding="ascii")
    (checkout / "deploy" / "requirements" / "test.txt").write_text("# test 2\n", encoding="ascii")
    assert "installing deploy/requirements/demo.txt" in bootstrap(checkout, "demo").stdout
    assert (checkout / ".venv" / "hayate-locks.txt").read_text(encoding="ascii").startswith("demo ")

    # An environment whose Python is gone is made again.
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/false")
    again = bootstrap(checkout, "demo")
    assert again.returncode == 0, again.stderr
    assert ".venv is of no use (broken): making it anew" in again.stdout

    # A requirement without a hash is refused, and nothing is noted.
    (checkout / "deploy" / "requirements" / "demo.txt").write_text("wheel==0.45.1\n", encoding="ascii")
    refused = bootstrap(checkout, "demo")
    assert refused.returncode == 1
    assert "pip could not install deploy/requirements/demo.txt" in refused.stderr


def test_pythons_that_will_not_do_are_named_with_the_remedy(checkout: Path) -> None:
    put_python(checkout, "python3", "3.10")
    output, status = found(checkout)
    assert status == 1
    assert "needs Python 3.11, 3.12 or 3.13: python3 is 3.10." in output
    assert "sudo apt install python3.11 python3.11-venv" in output


def test_no_python_beside_the_running_one(checkout: Path) -> None:
    output, status = found(checkout)
    assert status == 1
    assert "could be run" in output


def test_a_missing_venv_module_is_named_with_the_package_that_has_it(checkout: Path) -> None:
    put_python(checkout, "python3.12", "3.12", venv=False)
    put_python(checkout, "python3", "3.14")
    output, status = found(checkout)
    assert status == 1
    assert "remedy: sudo apt install python3.12-venv" in output


def test_the_newest_python_that_will_do_is_taken(checkout: Path) -> None:
    put_python(checkout, "python3", "3.14")
    put_python(checkout, "python3.13", "3.13", venv=False)
    put_python(checkout, "python3.12", "3.12")
    put_python(checkout, "python3.11", "3.11")
    output, _ = found(checkout)
    assert "making .venv with python3.12 (Python 3.12)" in output


def test_a_python_that_is_given_is_the_only_one_asked(checkout: Path) -> None:
    put_python(checkout, "python3.12", "3.12")
    given = put_python(checkout, "mine", "3.9")
    output, status = found(checkout, PYTHON=str(given))
    assert status == 1
    assert f"{given} is 3.9" in output
    assert "3.12 or 3.13" in output


def test_an_environment_that_cannot_be_made_is_an_error(checkout: Path) -> None:
    path = put_python(checkout, "python3.12", "3.12")
    path.write_text('#!/bin/sh\n[ "$1" = -c ] && { echo 3.12; exit 0; }\nexit 1\n', encoding="ascii")
    output, status = found(checkout)
    assert status == 1
    assert "python3.12 -m venv failed" in output


@pytest.mark.parametrize("arguments", ["", "everything"])
def test_what_it_cannot_install_is_refused(checkout: Path, arguments: str) -> None:
    assert "usage:" in bootstrap(checkout, arguments).stderr


def test_two_at_once_take_turns(checkout: Path) -> None:
    command = [sys.executable, "deploy/bootstrap.py", "worker"]
    env = {"PATH": os.environ["PATH"]}
    with (
        subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, text=True) as other,
    ):
        outputs = [one.communicate()[0], other.communicate()[0]]
    assert [one.returncode, other.returncode] == [0, 0]
    assert sorted(output.count("making .venv") for output in outputs) == [0, 1]
