"""Which port a server listens on."""

import socket

from deploy.local.errors import LocalError

HOST = "127.0.0.1"
SEARCHED = 2_000
"""Ports tried above the usual one."""


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback now.

    A port whose last connections linger in TIME_WAIT counts as free, as it does for the servers themselves.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(usual: int, count: int = 1) -> int:
    """First of `count` consecutive free ports: `usual` if they are free, else the next that are.

    They are sought upwards from the usual one, so they stay easy to read and below the range from which the kernel
    takes the ports of outgoing connections (32768 and up on Linux).

    Raises:
        LocalError: none among the next 2,000.
    """
    for first in range(usual, usual + SEARCHED, count):
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise LocalError(f"no free port of {HOST} from {usual} to {usual + SEARCHED - 1}: stop what listens there")
