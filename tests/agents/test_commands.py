"""The commands as a person runs them: what they print, what they return, and what an error looks like."""

import re
import signal
import socket
import subprocess
import sys
from asyncio import timeout
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.replay_commands import parse_speed
from deploy.local import Endpoints
from streams.errors import ConfigError
from tests.e2e.world import CHECKOUT, DEADLINE_S, World, without_marks


@pytest.fixture
def world(services: Endpoints, topic_prefix: str, tmp_path: Path) -> World:
    """Topics of its own, not created yet."""
    return World(services, topic_prefix, tmp_path, partitions=2)


@pytest.fixture
def nobody() -> Iterator[str]:
    """A Kafka address that nobody listens on while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused, and nobody can take it
        yield f"kafka://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("0.5", 0.5), ("1e3", 1000.0)])
def test_speeds(text: str, speed: float | None) -> None:
    """A number above 0, or max."""
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "inf", "-inf", "nan", "1x", "MAX"])
def test_bad_speeds_are_named(text: str) -> None:
    """The message has the option, the value and the remedy."""
    with pytest.raises(ConfigError, match=re.escape(f"--speed {text}: give a number above 0, or max")):
        parse_speed(text)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_every_positive_number_is_a_speed(number: float) -> None:
    """As Python writes it."""
    assert parse_speed(repr(number)) == number


async def _ticks_flow(world: World) -> None:
    """Wait until some ticks are in the topic, while more are coming."""
    tps = [TopicPartition(f"{world.prefix}ticks", partition) for partition in range(world.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=world.services.bootstrap_servers) as consumer, timeout(DEADLINE_S):
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        count = 0
        while count < 100:
            count += sum(map(len, (await consumer.getmany(timeout_ms=1_000)).values()))


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """One line on stderr that names what is wrong, exit status 1, nothing else."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("hayate: ")
    for word in words:
        assert word in lines[0]


def test_topics_can_be_run_again(world: World) -> None:
    """The first run creates all of them, the second none; another partition count is refused."""
    first = world.faust("topics")
    assert first.returncode == 0, first.stderr
    names = ["ticks", "ticks-rejected", "features", "features-rejected", "signals", "bars"]
    assert first.stdout.startswith("created: ")
    assert all(f"{world.prefix}{name}" in first.stdout for name in names)
    assert "0 of 11 topics were there already" in first.stdout
    second = world.faust("topics")
    assert (second.returncode, second.stdout) == (
        0,
        "created: nothing; 11 of 11 topics were there already\n",
    )
    refused(world.faust("topics", HAYATE_PARTITIONS="3"), "has 2 partitions", "HAYATE_PARTITIONS=2")


def test_settings_are_refused_by_name(world: World) -> None:
    """A misspelt variable, and a value that cannot be."""
    refused(world.faust("topics", HAYATE_PARTITION="3"), "HAYATE_PARTITION")
    refused(world.faust("topics", HAYATE_PARTITIONS="many"), "HAYATE_PARTITIONS='many'")


def test_kafka_away(world: World, nobody: str) -> None:
    """Every command, the worker included: the address and the variable, and no traceback."""
    refused(world.faust("topics", HAYATE_KAFKA_URL=nobody), nobody.removeprefix("kafka://"), "HAYATE_KAFKA_URL")
    refused(world.faust("simulate", "--count", "1", HAYATE_KAFKA_URL=nobody), nobody.removeprefix("kafka://"))


def test_topics_missing(world: World) -> None:
    """What to run first."""
    refused(world.faust("simulate", "--count", "1"), f"{world.prefix}ticks", "faust -A app topics")


def test_replay_of_what_cannot_be_replayed(world: World, tmp_path: Path) -> None:
    """No file, a bad line, bad options: named, and what came before the line is sent."""
    world.create_topics()
    missing = tmp_path / "none.csv"
    refused(world.faust("replay", str(missing), "--speed", "max"), str(missing))
    refused(world.faust("replay", str(missing), "--speed", "fast"), "--speed fast")
    lines = tmp_path / "ticks.jsonl"
    good = '{"symbol": "A", "ts_ns": 1700000000000000000, "price": 1.5}\n'
    lines.write_text(good * 2 + "{\n" + good)
    refused(world.faust("replay", str(lines), "--speed", "max"), str(lines), "3")
    refused(world.faust("replay", str(lines), "--speed", "max", "--limit", "0"), "limit=0")
    done = world.faust("replay", str(lines), "--speed", "max", "--skip-bad")
    assert done.returncode == 0, done.stderr
    assert re.match(r"3 ticks read, 1 bad lines skipped, 3 sent, 3 acknowledged in ", done.stdout)


def test_simulation_out_of_range(world: World) -> None:
    """The option and its value."""
    world.create_topics()
    refused(world.faust("simulate", "--rate", "-1"), "rate=-1")
    refused(world.faust("simulate", "--seconds", "0"), "seconds=0")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_simulation_that_is_told_to_stop_reports(world: World, how: signal.Signals) -> None:
    """Everything sent is acknowledged, the report says so, and the exit status is 0."""
    world.create_topics()
    process = subprocess.Popen(  # noqa: ASYNC220 - the start takes no time that matters here
        [sys.executable, "-m", "faust", "-A", "app", "simulate", "--rate", "500"],
        env=world.env(),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        await _ticks_flow(world)
        process.send_signal(how)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    assert err == ""
    found = re.match(r"(\d+) ticks read, (\d+) sent, (\d+) acknowledged in .*, stopped\n$", out)
    assert found, out
    assert found[1] == found[2] == found[3]
    assert len(without_marks(await world.read("ticks", int(found[3])))) == int(found[3])
