"""TLS to Redis: the files that `rediss://` uses, checked when the client is made, and what a failed handshake means."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio.connection import SSLConnection
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's own name

from streams.settings import PREFIX, Settings
from streams.tls import tls_context


@dataclass(frozen=True, slots=True)
class RedisTls:
    """PEM files: the authorities (None: the system's), and the client's certificate and key (None: it shows none)."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "RedisTls":
        """The files that the settings name."""
        return cls(settings.redis_ca_file, settings.redis_cert_file, settings.redis_key_file)

    def __bool__(self) -> bool:
        """Whether any file is named."""
        return not (self.ca_file is self.cert_file is self.key_file is None)

    def context(self) -> ssl.SSLContext:
        """Verifies certificate and name of the server, against `ca_file` alone where there is one; TLS 1.2 or later.

        Raises:
            ConfigError: a file cannot be read, or holds no certificate or key that fits.
        """
        return tls_context("REDIS", self.ca_file, self.cert_file, self.key_file)


class TlsConnection(SSLConnection):
    """A connection whose files are read when it connects: a renewed certificate needs no restart.

    redis-py 8.1's own would trust the system's authorities beside the one it is given.
    """

    def __init__(self, *, tls: RedisTls, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._tls.context()}

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Say what may be the matter with a server that hangs up: the reason that TLS gives is lost in asyncio."""
        try:
            await super().on_connect_check_health(check_health=check_health)
        except ConnectionError as error:
            if type(error) is not ConnectionError or self._tls.cert_file is not None or tls_remedy(error) is not None:
                raise
            raise ConnectionError(
                f"{error} It may want a certificate of its clients: {PREFIX}REDIS_CERT_FILE, {PREFIX}REDIS_KEY_FILE"
            ) from error


def tls_remedy(error: BaseException) -> str | None:
    """What to do about a handshake that failed; None where `error` is none."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLError):
        found = found.__cause__ or found.__context__
    text = f"{error} {found}".lower()
    if isinstance(found, ssl.SSLCertVerificationError) or "certificate verify failed" in text:
        return (
            f"set {PREFIX}REDIS_CA_FILE to the authority that signed the server's certificate, and name the server in "
            f"{PREFIX}REDIS_URL as the certificate does"
        )
    if "wrong version number" in text or "record layer failure" in text:
        return f"the server speaks no TLS there: write redis:// in {PREFIX}REDIS_URL, or give it its TLS port"
    if "certificate required" in text or "unknown ca" in text or "bad certificate" in text or "handshake" in text:
        return f"the server wants a certificate that it trusts: set {PREFIX}REDIS_CERT_FILE and {PREFIX}REDIS_KEY_FILE"
    return None
