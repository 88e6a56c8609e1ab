"""Addresses from the environment: read, shown without secrets, checked."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import Endpoints
from deploy.local.addresses import check_given, servers, shown
from streams.errors import ConfigError

KAFKA, REDIS = "HAYATE_KAFKA_URL", "HAYATE_REDIS_URL"


@pytest.mark.parametrize(
    ("variable", "url", "expected"),
    [
        (KAFKA, "kafka://a:1;b:2", [("a", 1), ("b", 2)]),
        (KAFKA, "kafka://a:1;kafka://b", [("a", 1), ("b", 9092)]),
        (KAFKA, "a,b:7", [("a", 9092), ("b", 7)]),
        (KAFKA, "kafka://[::1]:9", [("::1", 9)]),
        (REDIS, "redis://:se,cret@h/3", [("h", 6379)]),
        (REDIS, "rediss://u:p@h:7/0?x=1", [("h", 7)]),
    ],
)
def test_hosts_and_ports(variable: str, url: str, expected: list[tuple[str, int]]) -> None:
    assert servers(variable, url) == expected


@pytest.mark.parametrize(
    "url", ["redis://", "redis://h:notaport", "redis://:p@ss@:1/", "redis://h:99999", "redis://[x"]
)
def test_an_unreadable_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as failure:
        servers(REDIS, url)
    assert str(failure.value) == ("HAYATE_REDIS_URL: not an address like redis://127.0.0.1:6379/0; correct or unset it")


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6))
def test_no_password_is_shown(secret: str) -> None:
    assert shown(REDIS, f"redis://user:{secret}@127.0.0.1:6379/2?password={secret}") == "redis://127.0.0.1:6379/2"
    assert shown(KAFKA, f"kafka://u:{secret}@10.0.0.1:1;[::1]:2") == "kafka://10.0.0.1:1;[::1]:2"
    assert shown(KAFKA, "10.0.0.1") == "kafka://10.0.0.1:9092"


def test_one_server_that_accepts_is_enough() -> None:
    with socket.socket() as closed, socket.socket() as listener:
        closed.bind(("127.0.0.1", 0))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        check_given(KAFKA, f"kafka://127.0.0.1:{closed.getsockname()[1]};127.0.0.1:{listener.getsockname()[1]}")


def test_nobody_there_is_an_error_with_place_and_remedy() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ConfigError) as failure:
            check_given(REDIS, f"redis://:secret@127.0.0.1:{port}/0")
    assert str(failure.value) == (
        f"HAYATE_REDIS_URL=redis://127.0.0.1:{port}/0: no server accepts connections "
        f"(127.0.0.1:{port}: Connection refused): start it or correct the address, "
        "or unset the variable to have one started here"
    )


def test_endpoints_give_what_kafka_clients_want() -> None:
    assert Endpoints("kafka://a:1;kafka://b:2;c:3", "redis://h").bootstrap_servers == "a:1,b:2,c:3"
