"""The Makefile, the lock files, `.ci/run`, `.env.example`: what a newcomer runs first."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy import env_example, kernels
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "deploy" / "requirements"
EXTRAS = {"worker": set[str](), "demo": {"local", "demo"}, "test": {"local", "demo", "test"}}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def make(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["/usr/bin/env", "make", *arguments],
        cwd=ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^  ([a-z-]+) ", make("help").stdout, re.MULTILINE)
    assert set(listed) == TARGETS


def test_every_target_is_phony() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == TARGETS


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ((), ".venv/bin/python -m deploy.demo"),
        (("SECONDS=20",), ".venv/bin/python -m deploy.demo --seconds '20'"),
        (("SECONDS=5", "ARGS=--rate 1000"), ".venv/bin/python -m deploy.demo --seconds '5' --rate 1000"),
    ],
)
def test_demo_hands_its_arguments_on(arguments: tuple[str, ...], command: str) -> None:
    lines = make("--dry-run", "demo", *arguments).stdout.splitlines()
    assert f"exec {command}" in [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize(("arguments", "locked"), [((), "demo"), (("TRAIN=1",), "test")])
def test_demo_trains_where_it_was_asked_to(arguments: tuple[str, ...], locked: str) -> None:
    assert f"deploy/bootstrap.py {locked}\n" in make("--dry-run", "demo", *arguments).stdout


def test_the_test_target_lints_types_tests_and_demands_coverage() -> None:
    text = make("--dry-run", "test").stdout
    steps = ["ruff check", "ruff format --check", "-m mypy", "coverage run -m pytest", "report --fail-under=95"]
    assert [text.find(step) >= 0 for step in steps] == [True] * len(steps)
    assert sorted(steps, key=text.index) == steps


def test_a_python_that_is_not_there_is_named_with_the_remedy() -> None:
    done = make("demo", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "there is no no-such-python on the PATH; remedy: sudo apt install" in done.stderr


def test_ci_runs_the_test_command_and_can_be_executed() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    *_, test, ratios = script.read_text(encoding="utf-8").splitlines()
    assert (test, ratios) == ("make test", "exec make bench-quick")


def pins(name: str) -> dict[str, list[Requirement]]:
    """Package -> its pins; several where they differ between Python versions."""
    found: dict[str, list[Requirement]] = {}
    for line in (LOCKS / f"{name}.txt").read_text(encoding="ascii").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip("\\ "))
            found.setdefault(canonical(requirement.name), []).append(requirement)
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_file_has_what_pyproject_asks_for(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS[name]:
        wanted += project["optional-dependencies"][extra]
    locked = pins(name)
    for requirement in map(Requirement, wanted):
        versions = [str(pin.specifier).removeprefix("==") for pin in locked[canonical(requirement.name)]]
        assert all(version in requirement.specifier for version in versions), f"{requirement}: run `make lock`"


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_file_names_hashes_and_no_addresses_or_paths(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text(encoding="ascii")
    entries = re.split(r"\n(?=[a-z])", text)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--find-links|--extra-index|--trusted|@ file|(?<!\w)/\w", text)


def test_smaller_sets_pin_what_larger_ones_do() -> None:
    worker, demo, test = (pins(name) for name in ("worker", "demo", "test"))
    assert {name: [str(pin) for pin in found] for name, found in worker.items()}.items() <= {
        name: [str(pin) for pin in found] for name, found in demo.items()
    }.items()
    # A larger set may need a package on more platforms.
    assert {(pin.name, str(pin.specifier)) for found in demo.values() for pin in found} <= {
        (pin.name, str(pin.specifier)) for found in test.values() for pin in found
    }


def test_the_environment_example_is_what_the_settings_say() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example.text(), (
        "run `python -m deploy.env_example > .env.example`"
    )


def test_the_environment_example_with_every_line_in_force_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HAYATE_")]:
        monkeypatch.delenv(name)
    given = dict(re.findall(r"^#(HAYATE_\w+)=(.*)$", env_example.text(), re.MULTILINE))
    assert set(given) == {f"HAYATE_{name.upper()}" for name in Settings.model_fields}
    for name, value in given.items():
        if value:
            monkeypatch.setenv(name, value)
    assert Settings.from_env() == Settings()


def test_kernels_ahead_of_a_worker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "environ", {name: text for name, text in os.environ.items() if "HAYATE" not in name})
    assert kernels.main() == 0
    assert "feature set default@" in capsys.readouterr().out


def test_the_image_is_checked_by_a_program_that_can_be_read() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (command,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    program = tomllib.loads(f"command = {command}")["command"]
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")


@pytest.mark.parametrize("path", ["docker-compose.yml", "deploy/Dockerfile"])
def test_containers_are_given_settings_that_exist(path: str) -> None:
    named = set(re.findall(r"HAYATE_\w+", (ROOT / path).read_text(encoding="utf-8")))
    assert named
    assert named <= {f"HAYATE_{name.upper()}" for name in Settings.model_fields}


def test_containers_publish_ports_on_loopback_only() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    published = re.findall(r'^ +- "([\d.:]+)"$', text, re.MULTILINE)
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_the_image_copies_exists() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert all((ROOT / line[1:]).exists() for line in lines if line.startswith("!"))


def test_the_demonstration_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "--seconds" in done.stdout
