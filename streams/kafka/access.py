"""Where Kafka is and how it is talked to: what every client of aiokafka, and Faust's, is made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from streams.errors import ConfigError
from streams.kafka_url import bootstrap_servers
from streams.settings import PREFIX, Settings
from streams.tls import tls_context


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Addresses of the brokers, `host:port`, and aiokafka's options for TLS and login, which are never shown."""

    servers: tuple[str, ...]
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def at(cls, where: "str | KafkaAccess") -> "KafkaAccess":
        """A URL such as `kafka://host:9092`, without TLS and login; what is one already stays.

        Raises:
            ConfigError: it is no such URL.
        """
        return where if isinstance(where, KafkaAccess) else cls(tuple(bootstrap_servers(where)))

    @classmethod
    def of(cls, settings: Settings) -> "KafkaAccess":
        """As the settings say. Certificates and host names of the brokers are always verified.

        Raises:
            ConfigError: the URL, a file or a combination of settings will not do.
        """
        protocol = settings.kafka_security
        given = [settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file]
        if not protocol.endswith("ssl") and any(given):
            raise ConfigError(
                f"{PREFIX}KAFKA_SECURITY={protocol}: {PREFIX}KAFKA_CA_FILE, {PREFIX}KAFKA_CERT_FILE and "
                f"{PREFIX}KAFKA_KEY_FILE are for TLS: set it to ssl or sasl_ssl, or unset them"
            )
        if not protocol.startswith("sasl") and (settings.kafka_user or settings.kafka_password_file):
            raise ConfigError(
                f"{PREFIX}KAFKA_SECURITY={protocol}: {PREFIX}KAFKA_USER and {PREFIX}KAFKA_PASSWORD_FILE are for a "
                "login: set it to sasl_ssl, or unset them"
            )
        security: dict[str, Any] = {"security_protocol": protocol.upper()}
        if protocol.endswith("ssl"):
            security["ssl_context"] = tls_context("KAFKA", *given)
        if protocol.startswith("sasl"):
            password = settings.kafka_password()
            if not settings.kafka_user or password is None:
                raise ConfigError(
                    f"{PREFIX}KAFKA_SECURITY={protocol}: a login needs {PREFIX}KAFKA_USER and "
                    f"{PREFIX}KAFKA_PASSWORD_FILE"
                )
            security |= {
                "sasl_mechanism": settings.kafka_sasl.upper(),
                "sasl_plain_username": settings.kafka_user,
                "sasl_plain_password": password.get_secret_value(),
            }
        plain = protocol == "plaintext"
        return cls(tuple(bootstrap_servers(settings.kafka_url)), {} if plain else security)

    @property
    def client(self) -> dict[str, Any]:
        """Options of any client of aiokafka."""
        return {"bootstrap_servers": list(self.servers), **self.security}

    @property
    def credentials(self) -> Credentials | None:
        """The same for Faust; None without TLS and login."""
        if "sasl_mechanism" in self.security:
            return SASLCredentials(
                username=self.security["sasl_plain_username"],
                password=self.security["sasl_plain_password"],
                ssl_context=self.security.get("ssl_context"),
                mechanism=self.security["sasl_mechanism"],
            )
        return SSLCredentials(self.security["ssl_context"]) if self.security else None

    @property
    def remedy(self) -> str:
        """What to do where no broker answers."""
        if not self.security:
            return f"start it, or correct {PREFIX}KAFKA_URL (and {PREFIX}KAFKA_SECURITY, where it wants TLS or a login)"
        return (
            f"start it, or correct {PREFIX}KAFKA_URL, {PREFIX}KAFKA_SECURITY, the login or the certificates "
            "(docs/security.md)"
        )

    def __str__(self) -> str:
        return ", ".join(self.servers)
