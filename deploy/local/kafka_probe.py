"""Whether a Kafka broker answers, and whether consumer groups can join, asked with three small requests.

Written out by hand (Kafka protocol guide, non-flexible versions that Kafka 4 still serves) rather than through
aiokafka, because `up` is synchronous, may run inside somebody's event loop, and must not fill the log with the errors
of a client whose broker is still starting.
"""

import socket
import struct
from collections.abc import Iterator

from deploy.local.server import NotReady

API_VERSIONS, FIND_COORDINATOR, DESCRIBE_GROUPS = 18, 10, 15
VERSION = 0
TIMEOUT_S = 2.0
REPLY_LIMIT = 1 << 20
"""Bytes; more is not an answer to these requests."""

GROUPS = tuple(f"hayate-local-probe-{letter}" for letter in "abcd")
"""Names of groups that nobody joins, one on each of the four partitions of `__consumer_offsets`: a group's partition is
the Java hash of its name modulo their number, so names that differ by one in the last letter are neighbours."""


def broker_answers(host: str, port: int) -> None:
    """Ask for the versions it serves.

    Raises:
        NotReady: it does not answer.
    """
    _ask(host, port, API_VERSIONS, b"")


def groups_can_join(host: str, port: int) -> None:
    """Ask where a group's coordinator is (the first such question creates `__consumer_offsets`), then for a group on
    each of its partitions.

    A consumer that joins before both succeed works too, but logs `GroupCoordinatorNotAvailableError` on its way.

    Raises:
        NotReady: naming the error code of the answer.
    """
    try:
        found = _ask(host, port, FIND_COORDINATOR, _string(GROUPS[0]))
        _refuse_error("FindCoordinator", struct.unpack_from(">h", found)[0])
        names = b"".join(_string(name) for name in GROUPS)
        for code in _described(_ask(host, port, DESCRIBE_GROUPS, struct.pack(">i", len(GROUPS)) + names)):
            _refuse_error("DescribeGroups", code)
    except struct.error as error:
        raise NotReady(f"{host}:{port}: an answer cannot be read: {error}") from error


def _refuse_error(request: str, code: int) -> None:
    if code:
        raise NotReady(f"{request} gives error {code}")


def _described(reply: bytes) -> Iterator[int]:
    """Error code of each group in a DescribeGroups answer; the groups have no members, for nobody joins them."""
    (count,) = struct.unpack_from(">i", reply)
    at = 4
    for _ in range(count):
        yield struct.unpack_from(">h", reply, at)[0]
        at += 2
        for _ in ("group_id", "group_state", "protocol_type", "protocol_data"):
            (length,) = struct.unpack_from(">h", reply, at)
            at += 2 + max(length, 0)
        at += 4  # the number of members, 0


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _ask(host: str, port: int, api: int, body: bytes) -> bytes:
    """Send one request; returns the answer after its correlation id."""
    request = struct.pack(">hhih", api, VERSION, api, -1) + body  # the api's number is its correlation id; no client id
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size, correlation = struct.unpack(">ii", _receive(connection, 8))
            if correlation != api or not 4 <= size <= REPLY_LIMIT:
                raise NotReady(f"{host}:{port} answers, but not as Kafka does")
            return _receive(connection, size - 4)
    except OSError as error:
        raise NotReady(f"{host}:{port}: {error.strerror or error}") from error


def _receive(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise NotReady("the connection was closed instead of an answer")
        parts += part
    return parts
