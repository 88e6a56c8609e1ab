"""Where Kafka is and how it is talked to: what the settings make of it, and what they may not say."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from faust.auth import SASLCredentials, SSLCredentials

from streams.errors import ConfigError
from streams.kafka.access import KafkaAccess
from streams.settings import Settings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    authority = trustme.CA()
    client = authority.issue_cert("client.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "password").write_text("s3cret\n")
    return {name: tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "password")}


def settings(**given: Any) -> Settings:
    return Settings(kafka_url="kafka://a:1;b:2", **given)


def test_without_anything_it_is_plain() -> None:
    access = KafkaAccess.of(settings())
    assert access.client == {"bootstrap_servers": ["a:1", "b:2"]}
    assert access.credentials is None
    assert access == KafkaAccess.at("kafka://a:1;b:2")
    assert KafkaAccess.at(access) is access
    assert str(access) == "a:1, b:2"
    assert "HAYATE_KAFKA_URL" in access.remedy


def test_tls(files: dict[str, Path]) -> None:
    access = KafkaAccess.of(
        settings(
            kafka_security="ssl",
            kafka_ca_file=files["ca.pem"],
            kafka_cert_file=files["cert.pem"],
            kafka_key_file=files["key.pem"],
        )
    )
    assert access.client["security_protocol"] == "SSL"
    assert access.client["ssl_context"].check_hostname
    assert isinstance(access.credentials, SSLCredentials)
    assert access.credentials.context is access.client["ssl_context"]


def test_a_login_is_never_shown(files: dict[str, Path]) -> None:
    access = KafkaAccess.of(
        settings(kafka_security="sasl_ssl", kafka_user="hayate", kafka_password_file=files["password"])
    )
    client = access.client
    assert (client["security_protocol"], client["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("hayate", "s3cret")
    credentials = access.credentials
    assert isinstance(credentials, SASLCredentials)
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.ssl_context is client["ssl_context"]
    assert "s3cret" not in repr(access) + str(access) + repr(credentials) + access.remedy
    plain = KafkaAccess.of(
        settings(
            kafka_security="sasl_plaintext", kafka_sasl="plain", kafka_user="h", kafka_password_file=files["password"]
        )
    )
    assert plain.client["security_protocol"] == "SASL_PLAINTEXT"
    assert "ssl_context" not in plain.client


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"kafka_ca_file": "ca.pem"}, "KAFKA_SECURITY=plaintext: .*are for TLS"),
        ({"kafka_user": "h"}, "KAFKA_SECURITY=plaintext: .*are for a login"),
        ({"kafka_security": "ssl", "kafka_password_file": "password"}, "KAFKA_SECURITY=ssl: .*are for a login"),
        ({"kafka_security": "sasl_ssl", "kafka_user": "h"}, "a login needs HAYATE_KAFKA_USER and HAYATE_KAFKA_PASS"),
        ({"kafka_security": "ssl", "kafka_ca_file": "password"}, "HAYATE_KAFKA_CA_FILE=.*no certificate in PEM"),
        ({"kafka_security": "ssl", "kafka_key_file": "key.pem"}, "HAYATE_KAFKA_KEY_FILE=.*needs HAYATE_KAFKA_CERT"),
        ({"kafka_security": "ssl", "kafka_ca_file": "none"}, "HAYATE_KAFKA_CA_FILE=.*No such file"),
    ],
)
def test_what_the_settings_may_not_say(files: dict[str, Path], given: dict[str, Any], what: str) -> None:
    folder = files["ca.pem"].parent
    full = {key: folder / value if key.endswith("file") else value for key, value in given.items()}
    with pytest.raises(ConfigError, match=what):
        KafkaAccess.of(settings(**full))
