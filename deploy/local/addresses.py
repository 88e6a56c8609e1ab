"""Server addresses as the environment gives them: how they are shown, and whether anybody answers there."""

import socket
from urllib.parse import urlsplit

from streams.errors import ConfigError

DEFAULT_PORTS = {"kafka": 9092, "redis": 6379}
TIMEOUT_S = 3.0


def servers(variable: str, url: str) -> list[tuple[str, int]]:
    """Hosts and ports of `scheme://[user[:password]@]host[:port][/db]`; several Kafka servers separated by `;` or `,`.

    Raises:
        ConfigError: the address cannot be read; its text may hold a password and is not shown.
    """
    found = []
    redis = "REDIS" in variable
    default = DEFAULT_PORTS["redis" if redis else "kafka"]
    for part in [url] if redis else url.replace(",", ";").split(";"):
        try:
            split = urlsplit(part if "://" in part else f"//{part}")
            host, port = split.hostname, split.port or default
        except ValueError:
            host = None
        if not host:
            raise ConfigError(f"{variable}: not an address like {_example(variable)}; correct or unset it")
        found.append((host, port))
    return found


def shown(variable: str, url: str) -> str:
    """The address without user, password and query."""
    scheme = url.split("://", 1)[0] if "://" in url else _example(variable).split(":", 1)[0]
    places = ";".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in servers(variable, url))
    database = urlsplit(url).path if "REDIS" in variable else ""
    return f"{scheme}://{places}{database}"


def check_given(variable: str, url: str) -> None:
    """See that a server accepts connections at one of the addresses; what it speaks is not looked at (TLS, SASL).

    Raises:
        ConfigError: nobody does.
    """
    reasons = []
    for host, port in servers(variable, url):
        try:
            socket.create_connection((host, port), timeout=TIMEOUT_S).close()
        except OSError as error:
            reasons.append(f"{host}:{port}: {error.strerror or error}")
        else:
            return
    raise ConfigError(
        f"{variable}={shown(variable, url)}: no server accepts connections ({'; '.join(reasons)}): "
        "start it or correct the address, or unset the variable to have one started here"
    )


def _example(variable: str) -> str:
    return "redis://127.0.0.1:6379/0" if "REDIS" in variable else "kafka://127.0.0.1:9092"
