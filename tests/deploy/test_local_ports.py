"""Which port a server gets."""

import socket
from collections.abc import Iterator

import pytest

from deploy.local import ports
from deploy.local.errors import LocalError
from deploy.local.ports import HOST, free_ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_usual_port_is_taken_when_it_is_free(taken: int) -> None:
    first = free_ports(taken + 1)
    assert free_ports(first) == first


def test_a_port_in_use_is_passed_over(taken: int) -> None:
    assert not is_free(taken)
    assert free_ports(taken) > taken


def test_all_ports_of_a_row_must_be_free(taken: int) -> None:
    assert free_ports(taken - 1, 2) > taken


def test_a_port_that_listens_on_every_address_counts_as_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - what a careless neighbour does
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_a_port_whose_last_connection_lingers_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka and Redis do
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)):
            listener.accept()[0].close()  # the server's side closes first: TIME_WAIT stays with its port
    assert is_free(port)


def test_without_any_free_port_the_error_names_the_range(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SEARCHED", 1)
    with pytest.raises(LocalError, match=f"no free port of 127.0.0.1 from {taken} to {taken}: stop"):
        free_ports(taken)
