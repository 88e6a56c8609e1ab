"""A Kafka of its own that wants TLS both ways and a login at one port, and neither at another, for the test itself."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from deploy.local.kafka import KafkaServer
from deploy.local.ports import HOST, free_ports
from deploy.local.progress import Progress, Silent
from deploy.local.server import Launch
from deploy.local.starting import start
from deploy.local.state import State
from tests.services import purged_at_exit

USER = "hayate"
PASSWORD = "k-7be1f09a2c"  # noqa: S105 - of a server that lives for one test
SCRAM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class SecuredKafka:
    """Addresses, and the settings of a client that is let in."""

    plain_url: str
    settings: dict[str, str]


class _Server(KafkaServer):
    """With a listener SASL_SSL beside the plain one."""

    def __init__(self, folder: Path, env: Mapping[str, str], pems: Path) -> None:
        super().__init__(folder, env)
        self._pems = pems
        self.secured_port = 0
        self.launch: Launch | None = None

    def prepare(self, port: int, progress: Progress) -> Launch:
        """As KafkaServer does it, and a line for each setting that is another."""
        self.launch = launch = super().prepare(port, progress)
        self.secured_port = free_ports(launch.port + 2)
        plain, secured = f"PLAINTEXT://{HOST}:{launch.port}", f"SASL_SSL://localhost:{self.secured_port}"
        more = {
            "listeners": f"{plain},{secured},CONTROLLER://{HOST}:{launch.port + 1}",
            "advertised.listeners": f"{plain},{secured}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._pems / "server.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._pems / "ca.pem",
            "listener.name.sasl_ssl.ssl.client.auth": "required",
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": SCRAM,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        }
        with (self.folder / "server.properties").open("a", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in more.items())
        return launch


@contextmanager
def secured_kafka(folder: Path, env: Mapping[str, str]) -> Iterator[SecuredKafka]:
    """Start it, and make the user."""
    pems = folder / "pems"
    pems.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(pems / "ca.pem")
    server, client = authority.issue_cert("localhost"), authority.issue_cert("client.example")
    (pems / "server.pem").write_bytes(_pkcs8(server.private_key_pem.bytes()) + server.cert_chain_pems[0].bytes())
    client.cert_chain_pems[0].write_to_path(pems / "client.pem")
    client.private_key_pem.write_to_path(pems / "client-key.pem")
    (pems / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    stack = folder / "stack"
    broker = _Server(stack / "kafka", env, pems)
    stack.mkdir()
    with purged_at_exit(stack):
        record = start(broker, State(stack), SystemRandom().randrange(15_000, 30_000), Silent())
        _add_user(broker)
        yield SecuredKafka(
            record.url,
            {
                "HAYATE_KAFKA_URL": f"kafka://localhost:{broker.secured_port}",
                "HAYATE_KAFKA_SECURITY": "sasl_ssl",
                "HAYATE_KAFKA_CA_FILE": str(pems / "ca.pem"),
                "HAYATE_KAFKA_CERT_FILE": str(pems / "client.pem"),
                "HAYATE_KAFKA_KEY_FILE": str(pems / "client-key.pem"),
                "HAYATE_KAFKA_USER": USER,
                "HAYATE_KAFKA_PASSWORD_FILE": str(pems / "password"),
            },
        )


def _add_user(broker: _Server) -> None:
    """What kafka-configs.sh does."""
    launch = broker.launch
    assert launch is not None
    subprocess.run(
        [
            *launch.argv[:-2],
            *("kafka.admin.ConfigCommand", "--bootstrap-server", f"{HOST}:{launch.port}", "--alter"),
            *("--add-config", f"{SCRAM}=[password={PASSWORD}]", "--entity-type", "users", "--entity-name", USER),
        ],
        env=dict(launch.env),
        capture_output=True,
        check=True,
        timeout=60,
    )


def _pkcs8(key: bytes) -> bytes:
    """A private key in the one form that Kafka reads."""
    loaded = load_pem_private_key(key, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
