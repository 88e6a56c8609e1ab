"""The address of Kafka as people write it: `kafka://host:port`, several brokers separated by `;`."""

from typing import Final
from urllib.parse import urlsplit

from streams.errors import ConfigError

DEFAULT_PORT: Final = 9092
SCHEMES: Final = ("kafka", "aiokafka")


def bootstrap_servers(url: str) -> list[str]:
    """Return `host:port` of every broker in `url`, in order, as Kafka clients want them.

    `url` is `kafka://a:9092;b:9093` (a `,` separates as well, as in Faust; each part may repeat the scheme; the port
    defaults to 9092; IPv6 addresses stand in brackets). A URL without any scheme is read as `kafka://`.

    Raises:
        ConfigError: another scheme, no host, a bad port, a path, or credentials, which are never echoed.
    """
    servers = [_server(part.strip()) for part in url.replace(",", ";").split(";") if part.strip()]
    if not servers:
        raise ConfigError(f"Kafka URL {url!r} names no broker: write kafka://host:9092")
    return servers


def _server(part: str) -> str:
    """Return `host:port` of one broker."""
    scheme, separator, rest = part.partition("://")
    if not separator:
        scheme, rest = SCHEMES[0], part
    if "@" in rest:
        shown = rest.rpartition("@")[2]
        raise ConfigError(f"Kafka URL of {shown!r} holds credentials, which are not supported there: remove them")
    if scheme not in SCHEMES:
        raise ConfigError(f"Kafka URL {part!r}: the scheme must be kafka, as in kafka://host:9092")
    try:
        split = urlsplit(f"//{rest}")
        host, port = split.hostname, split.port
    except ValueError as error:
        raise ConfigError(f"Kafka URL {part!r}: {error}; write kafka://host:9092") from None
    if not host or port == 0 or split.path not in ("", "/") or split.query or split.fragment:
        raise ConfigError(f"Kafka URL {part!r} is not kafka://host:port: write for example kafka://127.0.0.1:9092")
    shown_host = f"[{host}]" if ":" in host else host
    return f"{shown_host}:{port or DEFAULT_PORT}"
