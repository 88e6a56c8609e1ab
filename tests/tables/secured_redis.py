"""A Redis or Valkey of its own for one test: TLS with certificates made for it, and users with the rules we ship."""

import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import SystemRandom

import redis
import trustme

from deploy.local.ports import HOST, free_ports
from deploy.local.progress import Silent
from deploy.local.redis import choose_program
from tables.redis_tls import RedisTls
from tests.tables.tls_terminator import terminating

RULES = Path(__file__).resolve().parents[2] / "deploy" / "redis" / "users.acl"
WRITER_PASSWORD = "w-5f0c2b7d"  # noqa: S105 - of a server that lives for one test
READER_PASSWORD = "r-91ae77c4"  # noqa: S105
START_S = 20.0


@dataclass(frozen=True)
class Secured:
    """Where it listens, and the files of its clients."""

    port: int
    plain_port: int
    ca: Path
    cert: Path
    key: Path
    folder: Path

    @property
    def tls(self) -> RedisTls:
        """What a client needs that the server trusts."""
        return RedisTls(self.ca, self.cert, self.key)

    def url(self, user: str = "", password: str = "") -> str:
        """Its address, by name: the certificate is for `localhost`."""
        login = f"{user}:{password}@" if user else ""
        return f"rediss://{login}localhost:{self.port}/0"

    def admin(self) -> "redis.Redis":
        """A client that may do everything, beside TLS and rules."""
        return redis.Redis(host=HOST, port=self.plain_port, username="admin", password="admin")  # noqa: S106


@contextmanager
def secured_redis(folder: Path) -> Iterator[Secured]:
    """Start it, with the rules of deploy/redis/users.acl, and a user `admin` for the test itself."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    client = authority.issue_cert("client.example")
    paths = {name: folder / f"{name}.pem" for name in ("ca", "server", "server-key", "client", "client-key")}
    authority.cert_pem.write_to_path(paths["ca"])
    server.cert_chain_pems[0].write_to_path(paths["server"])
    server.private_key_pem.write_to_path(paths["server-key"])
    client.cert_chain_pems[0].write_to_path(paths["client"])
    client.private_key_pem.write_to_path(paths["client-key"])
    rules = RULES.read_text(encoding="utf-8")
    rules = rules.replace("WRITER_SHA256", sha256(WRITER_PASSWORD.encode()).hexdigest())
    rules = rules.replace("READER_SHA256", sha256(READER_PASSWORD.encode()).hexdigest())
    (folder / "users.acl").write_text(f"{rules}user admin on >admin ~* &* +@all\n", encoding="utf-8")
    port = free_ports(SystemRandom().randrange(15_000, 30_000))
    plain_port = free_ports(port + 1)
    binary, _ = choose_program(os.environ, Silent())
    settings = {
        "bind": HOST,
        "port": plain_port,
        "aclfile": folder / "users.acl",
        "dir": folder,
        "save": "",
        "maxmemory": "64mb",
        "maxmemory-policy": "noeviction",
    }
    secured = Secured(port, plain_port, paths["ca"], paths["client"], paths["client-key"], folder)
    own_tls = {
        "tls-port": port,
        "tls-cert-file": paths["server"],
        "tls-key-file": paths["server-key"],
        "tls-ca-cert-file": paths["ca"],
        "tls-auth-clients": "yes",
    }
    with ExitStack() as cleanup:
        if cleanup.enter_context(_server(binary, secured, {**settings, **own_tls})) is None:
            assert cleanup.enter_context(_server(binary, secured, settings)) is not None, _log(secured)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(paths["ca"]))
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(paths["server"], paths["server-key"])
            cleanup.enter_context(terminating(context, port, plain_port))
        yield secured


@contextmanager
def _server(binary: Path, secured: Secured, settings: dict[str, object]) -> Iterator["subprocess.Popen[bytes] | None"]:
    """Run one that answers; None for one that ends at once, as it does where it was built without TLS."""
    command = [str(binary), *(part for name, value in settings.items() for part in (f"--{name}", str(value)))]
    with (secured.folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process if _answers(secured, process) else None
    finally:
        process.terminate()
        process.wait(10)


def _answers(secured: Secured, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with secured.admin() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            if process.poll() is not None:
                return False
            assert time.monotonic() < deadline, _log(secured)
            time.sleep(0.02)


def _log(secured: Secured) -> str:
    return (secured.folder / "redis.log").read_text(errors="replace")
