"""How Hayate talks to Redis: the connection pool, which servers will do, what an error means, when to try again."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import SecretStr
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from streams.errors import ConfigError, HayateError, RetryError
from streams.settings import Settings
from tables.redis_tls import RedisTls, TlsConnection, tls_remedy

OLDEST: Final = {"redis": (7, 0), "valkey": (8, 0)}
"""Oldest versions that will do: functions came with Redis 7; Valkey is tested from 8."""


def make_pool(url: str, password: SecretStr | None, timeout_s: float, tls: RedisTls | None = None) -> ConnectionPool:
    """Connections to `url`, made when first used; `password` wins over the one in the URL.

    Connecting and every reply take at most `timeout_s` seconds. A broken connection is replaced once without a word.
    `rediss://` verifies the server's certificate and name, with the files of `tls`.

    Raises:
        ConfigError: the URL is malformed or would have certificates not verified, or a file of `tls` will not do.
    """
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except ValueError as error:
        # The URL may hold a password and is not shown.
        raise ConfigError(f"HAYATE_REDIS_URL: {error}; write redis://[user[:password]@]host:port/db") from None
    if password is not None:
        options["password"] = password.get_secret_value()
    options |= {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 1),
        # Replies have the same shapes in all versions of redis-py.
        "protocol": 2,
        "decode_responses": False,
    }
    secured = options.get("connection_class") is SSLConnection
    if tls and not secured:
        raise ConfigError(
            "HAYATE_REDIS_CA_FILE, HAYATE_REDIS_CERT_FILE and HAYATE_REDIS_KEY_FILE are for TLS, which "
            "HAYATE_REDIS_URL does not use: write rediss://, or unset them"
        )
    if lax := sorted(name for name in options if name.startswith("ssl_")):
        raise ConfigError(
            f"HAYATE_REDIS_URL: {lax[0]} has no place there; certificates are always verified, with the files in "
            "HAYATE_REDIS_CA_FILE, HAYATE_REDIS_CERT_FILE and HAYATE_REDIS_KEY_FILE"
        )
    if secured:
        tls = tls or RedisTls()
        tls.context()  # what is wrong with the files is said now
        options |= {"connection_class": TlsConnection, "tls": tls}
    if "path" not in options:
        options["socket_keepalive"] = True
    return ConnectionPool(**options)


def pool_of(settings: Settings, timeout_s: float) -> ConnectionPool:
    """Connections to the Redis of the settings, with its login and its certificates; see `make_pool`."""
    return make_pool(settings.redis_url, settings.redis_password(), timeout_s, RedisTls.of(settings))


def address_of(pool: ConnectionPool) -> str:
    """`host:port/db` (or `path/db`), without user and password, for messages."""
    options = pool.connection_kwargs
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return f"{place}/{options.get('db', 0)}"


async def check_server(client: Redis, address: str) -> None:
    """ConfigError unless the server at `address` is a single Redis or Valkey, new enough for us."""
    info: dict[str, Any] = await client.info("server")
    kind = "valkey" if "valkey_version" in info else "redis"
    version = str(info[f"{kind}_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST[kind]:
        raise ConfigError(
            f"the server at {address} is {kind.capitalize()} {version}: "
            "the feature store needs Redis 7, Valkey 8 or later of either"
        )
    mode = info.get("redis_mode", "standalone")
    if mode != "standalone":
        raise ConfigError(
            f"the server at {address} runs as {mode}: HAYATE_REDIS_URL must name a single Redis (a master)"
        )


async def call_many(connection: Connection, commands: Sequence[Iterable[Any]]) -> list[Any]:
    """Replies of `commands`, sent in one write; an error reply stands in its place as the exception.

    What redis-py's pipeline does, for a third to a half of its time in the event loop. Any other error closes
    `connection`, which connects again by itself at its next use: a reply left unread would be taken for the next one's.
    """
    try:
        await connection.send_packed_command(connection.pack_commands(commands))
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except ResponseError as error:
                replies.append(error)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return replies


def explain(error: Exception, address: str) -> HayateError:
    """`error` named by what the operator does about it, with the address and the remedy."""
    if isinstance(error, HayateError):
        return error
    if isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError):
        return ConfigError(
            f"Redis at {address} refuses the login ({error}): "
            "correct user and password in HAYATE_REDIS_URL and HAYATE_REDIS_PASSWORD_FILE"
        )
    if isinstance(error, NoPermissionError):
        return ConfigError(f"Redis at {address}: {error}; extend the ACL of the user in HAYATE_REDIS_URL")
    if (remedy := tls_remedy(error)) is not None:
        return ConfigError(f"Redis at {address}: TLS fails ({error}): {remedy}")
    return RetryError(f"Redis at {address}: {str(error) or type(error).__name__}")


FAILURES: Final = (RedisError, OSError)
"""What a call to Redis may raise (a TimeoutError is an OSError)."""


def delays(rng: random.Random, *, first_s: float = 0.05, cap_s: float = 2.0) -> Iterator[float]:
    """Seconds between attempts, for ever: doubled up to `cap_s`, each shortened by chance by up to a half."""
    delay = first_s
    while True:
        yield delay * rng.uniform(0.5, 1.0)
        delay = min(delay * 2, cap_s)
