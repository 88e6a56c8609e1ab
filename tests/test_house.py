"""The rules of the house: who may import whom, what stays pure, and that nothing happens at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
ROOMS = ("streams", "tables", "agents", "deploy")
MAY_IMPORT = {
    "streams": {"streams"},
    "tables": {"streams", "tables"},
    "agents": {"streams", "tables", "agents"},
    "app": {"streams", "tables", "agents"},
    "deploy": {"streams", "tables", "agents", "deploy"},
}
IMPURE = {"faust", "aiokafka", "redis", "aiohttp", "mode"}
PURE = ("streams.indicators", "agents.decision")
TOP_LEVEL = {
    "pyproject.toml",
    "streams",
    "agents",
    "tables",
    "tests",
    "deploy",
    "docs",
    "docker-compose.yml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "app.py",
}
MAX_LINES = 300

IMPORT_EVERYTHING = """
import importlib, os, socket, subprocess, sys, threading
import mode.services  # its croniter runs the command `file` at import

class Environment(dict):
    def __init__(self, values):
        super().__init__(values)
        self.read = []
    def __getitem__(self, key):
        self.note(key)
        return super().__getitem__(key)
    def get(self, key, default=None):
        self.note(key)
        return super().get(key, default)
    def __contains__(self, key):
        self.note(key)
        return super().__contains__(key)
    def note(self, key):
        if str(key).startswith("HAYATE_"):
            self.read.append(key)

def forbid(what):
    def forbidden(*args, **kwargs):
        raise AssertionError(f"{what} at import")
    return forbidden

os.environ = environment = Environment(os.environ)
for owner, name in [
    (threading.Thread, "start"), (socket.socket, "connect"), (socket.socket, "bind"), (subprocess.Popen, "__init__"),
]:
    setattr(owner, name, forbid(f"{owner.__name__}.{name}"))
before = threading.active_count()
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert not environment.read, f"{name} reads {environment.read} at import"
assert threading.active_count() == before, threading.enumerate()
"""


def modules() -> dict[str, Path]:
    """Name -> file of every module of the rooms, and the door."""
    found = {"app": CHECKOUT / "app.py"}
    for room in ROOMS:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(name: str) -> set[str]:
    """What a module imports when it is loaded or run, type checking aside; of our own packages the module itself."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            module = node.module or ""
            found.update(full if (full := f"{module}.{alias.name}") in MODULES else module for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return found


def reached(name: str) -> set[str]:
    """Everything that importing a module imports, through our own packages, their `__init__` included."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in MODULES:
            waiting += imports(current)
            waiting += [current.rpartition(".")[0]] if "." in current else []
    return seen


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    """streams <- tables <- agents <- app.py; nobody imports the door, the tests, or deploy."""
    room = name.partition(".")[0]
    ours = {module.partition(".")[0] for module in imports(name)} & {*ROOMS, "app", "tests"}
    assert ours <= MAY_IMPORT[room]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(PURE)])
def test_maths_is_pure(name: str) -> None:
    """No framework and no client under the indicators and the decisions, by whatever way."""
    assert {module.partition(".")[0] for module in reached(name)} & IMPURE == set()


def test_the_scan_sees_what_it_should() -> None:
    """The two tests above look at something: known imports are found, directly and through others."""
    assert "agents.lane" in imports("agents.lanes")
    assert "aiokafka" in {module.partition(".")[0] for module in reached("agents.wiring")}
    assert len([name for name in MODULES if name.startswith(PURE)]) > 15
    assert "agents.lane" not in imports("agents.job"), "for type checking only"


def test_nothing_happens_at_import() -> None:
    """No connection, no process, no thread, no setting read: only `app.py` does, which the command line loads."""
    names = [name for name in MODULES if name != "app"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *names],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("name", MODULES)
def test_files_are_short_and_say_what_they_are(name: str) -> None:
    """A docstring, and at most 300 lines."""
    text = MODULES[name].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
    assert len(text.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", MODULES)
def test_public_things_have_docstrings(name: str) -> None:
    """Every public class and function of a module, and every public method."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bare = []
    owners: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    for owner in owners:
        if isinstance(owner, ast.ClassDef) and owner.name.startswith("_"):
            continue
        bare += [
            node.name
            for node in owner.body
            if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    assert bare == []


def test_the_top_level_is_the_agreed_one() -> None:
    """What a newcomer sees first; dotfiles aside."""
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True)  # noqa: S607
    tops = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= TOP_LEVEL
