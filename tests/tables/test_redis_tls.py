"""Redis over TLS with certificates and users: what works, what is refused, and what each refusal says."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from streams.errors import ConfigError, RetryError
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.active import FeatureActive
from tables.features.clear import clear_features
from tables.features.contract import FeatureWrite, PastWrite
from tables.features.keys import ACTIVE
from tables.features.setup import client_for
from tables.reading_setup import Reading
from tables.redis_connection import make_pool, pool_of
from tables.redis_tls import RedisTls, tls_remedy
from tables.signals.store import RedisSignals, SignalWrite
from tests.tables.secured_redis import READER_PASSWORD, WRITER_PASSWORD, Secured, secured_redis

NAMES = ("sma_5", "rsi_14")
SCHEMA = "0123456789ab"
NS = 1_000_000_000
T0 = 1_790_000_000


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_redis(tmp_path_factory.mktemp("secured")) as server:
        yield server


@pytest.fixture(autouse=True)
def emptied(secured: Secured) -> None:
    with secured.admin() as client:
        client.flushall()
        client.function_flush()


def record(offset: int) -> FeatureWrite:
    return FeatureWrite("ES", 0, offset, (T0 + offset) * NS, f"ticks-0-{offset}", "ready", 100.0, [offset / 3, 2.0])


def writer(secured: Secured, password: str = WRITER_PASSWORD, tls: RedisTls | None = None) -> RealTimeFeatureStore:
    return RealTimeFeatureStore(
        secured.url("hayate-writer", password), tls=tls or secured.tls, names=NAMES, schema=SCHEMA, timeout_s=5.0
    )


async def test_the_rules_we_ship_are_enough_and_no_more(secured: Secured, tmp_path: Path) -> None:
    """With exactly them the writer writes, fills and marks, the reader reads all there is, and cannot write."""
    store = writer(secured)
    await store.start()
    store.put_many([record(1), record(2)])
    await store.flush()
    assert await store.filler.advance(0, None, 5)
    assert await store.filler.watermark(0) == 5
    await store.usage()
    await store.stop()

    password_file = tmp_path / "password"
    password_file.write_text(READER_PASSWORD + "\n")
    settings = Settings(
        redis_url=secured.url("hayate-reader", "wrong"),
        redis_password_file=password_file,
        redis_ca_file=secured.ca,
        redis_cert_file=secured.cert,
        redis_key_file=secured.key,
    )
    reader = RealTimeFeatureStore(
        settings.redis_url, password=settings.redis_password(), tls=RedisTls.of(settings), now_ns=lambda: (T0 + 3) * NS
    )
    latest = await reader.latest("ES")
    assert latest is not None
    assert latest.values == {"sma_5": 2 / 3, "rsi_14": 2.0}
    history = await reader.history("ES", "sma_5", T0 * NS, (T0 + 10) * NS)
    assert [value for _, value in history.pairs] == [1 / 3, 2 / 3]
    assert await reader.as_of("ES", ["sma_5"], (T0 + 3) * NS) is not None
    assert await reader.symbols() == ["ES"]
    assert [schema.schema for schema in await reader.schemas()] == [SCHEMA]
    await reader.stop()

    # The stream: signals, and word of what changes.
    signals = RedisSignals(make_pool(secured.url("hayate-writer", WRITER_PASSWORD), None, 5.0, secured.tls), ttl_s=60)
    await signals.start()
    access = Reading(settings, now_ns=lambda: (T0 + 3) * NS)
    await access.changes.open()
    await access.changes.read(["ES"], signals=True)
    signals.put_many([SignalWrite("ES", 0, 2, b"{}")])
    await signals.settle(10.0)
    assert await access.changes.changed() == {"ES"}
    await signals.stop()
    await access.close()

    client = pool_of(settings, 5.0)
    async with Redis(connection_pool=client) as raw:
        for command in (
            ("SET", "feature:ES:sma_5:20260101000000", "1"),
            ("HSET", "feature:ES:latest", "sma_5", "1"),
            ("DEL", "feature:ES:latest"),
            ("EVAL", "return redis.call('DEL', KEYS[1])", 1, "feature:ES:latest"),
            ("FUNCTION", "FLUSH"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("GET", "other:key"),
        ):
            with pytest.raises(NoPermissionError):
                await raw.execute_command(*command)  # type: ignore[no-untyped-call]
    await client.disconnect()

    pool = make_pool(secured.url("hayate-writer", WRITER_PASSWORD), None, 5.0, secured.tls)
    async with Redis(connection_pool=pool) as raw:
        for command in (
            ("SET", "other", "1"),
            ("FLUSHALL",),
            ("FUNCTION", "FLUSH"),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
        ):
            with pytest.raises(NoPermissionError):
                await raw.execute_command(*command)  # type: ignore[no-untyped-call]
    await pool.disconnect()


async def test_the_writer_s_rules_are_enough_for_the_commands(secured: Secured, tmp_path: Path) -> None:
    """What `store show`, `promote`, `rebuild --clear` and `state reset --outputs` ask of Redis."""
    store = writer(secured)
    await store.start()
    store.put_many([record(1)])
    await store.flush()
    assert await store.filler.fill([PastWrite(record(1), 1)]) == 1
    assert await store.latest("ES") is not None
    await store.stop()
    (tmp_path / "password").write_text(WRITER_PASSWORD)
    settings = Settings(
        redis_url=secured.url().replace("//", "//hayate-writer@"),
        redis_password_file=tmp_path / "password",
        redis_ca_file=secured.ca,
        redis_cert_file=secured.cert,
        redis_key_file=secured.key,
    )
    async with client_for(settings) as client:
        active = FeatureActive(client)
        assert await active.versions() == [SCHEMA]
        await active.promote(SCHEMA)
        await active.restore("ba9876543210")
        assert await active.look() == ""
        await client.delete(ACTIVE)
        await active.restore("ba9876543210")
        assert await active.look() == "ba9876543210"
    assert await clear_features(settings) > 0


async def refused(store: RealTimeFeatureStore) -> str:
    """What the store says at its start."""
    with pytest.raises(ConfigError) as raised:
        await store.start()
    await store.stop()
    return str(raised.value)


async def test_refusals_name_the_remedy_and_no_secret(
    secured: Secured, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    store = writer(secured)
    told = [
        await refused(writer(secured, "s3cret-and-wrong")),
        await refused(writer(secured, tls=RedisTls(other, secured.cert, secured.key))),
        await refused(
            RealTimeFeatureStore(
                secured.url("hayate-reader", READER_PASSWORD), tls=secured.tls, names=NAMES, schema=SCHEMA
            )
        ),
    ]
    assert "refuses the login" in told[0]
    assert "HAYATE_REDIS_CA_FILE" in told[1]
    assert "extend the ACL" in told[2]
    # Redis says so; a server behind a terminator only hangs up, as it may for other reasons: tried again, with a hint.
    unknown = writer(secured, tls=RedisTls(secured.ca))
    try:
        await unknown.start()
    except ConfigError as error:
        told.append(str(error))
    assert "HAYATE_REDIS_CERT_FILE" in caplog.text + told[-1]
    assert not unknown.up
    await unknown.stop(0.1)
    everything = "\n".join([*told, repr(store), caplog.text, repr(store._pool), str(secured.tls)])
    for secret in (WRITER_PASSWORD, READER_PASSWORD, "s3cret-and-wrong", secured.key.read_text().splitlines()[1]):
        assert secret not in everything
    await store.stop()


async def test_the_name_of_the_server_is_verified(secured: Secured) -> None:
    """The certificate is for `localhost`, not for the address of the same machine."""
    url = secured.url("hayate-writer", WRITER_PASSWORD).replace("localhost", "127.0.0.1")
    store = RealTimeFeatureStore(url, tls=secured.tls, names=NAMES, schema=SCHEMA)
    assert "name the server in HAYATE_REDIS_URL as the certificate does" in await refused(store)


async def test_a_renewed_certificate_needs_no_restart(secured: Secured, tmp_path: Path) -> None:
    """Files are read at every new connection."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(secured.cert.read_bytes())
    key.write_bytes(secured.key.read_bytes())
    pool = make_pool(secured.url("hayate-reader", READER_PASSWORD), None, 5.0, RedisTls(secured.ca, cert, key))
    first = pool.make_connection()  # type: ignore[no-untyped-call]
    await first.connect()
    await first.disconnect()
    key.write_text("")
    with pytest.raises(Exception, match="HAYATE_REDIS_CERT_FILE"):
        await first.connect()
    key.write_bytes(secured.key.read_bytes())
    await first.connect()
    await first.disconnect()
    await pool.disconnect()


def test_files_that_will_not_do_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    cases = {
        RedisTls(tmp_path / "none.pem"): r"HAYATE_REDIS_CA_FILE=.*none.pem: No such file",
        RedisTls(empty): r"HAYATE_REDIS_CA_FILE=.*empty.pem: no certificate in PEM",
        RedisTls(cert_file=tmp_path / "none.pem"): r"HAYATE_REDIS_CERT_FILE=.*none.pem: No such file",
        RedisTls(cert_file=empty, key_file=tmp_path / "none.pem"): r"HAYATE_REDIS_KEY_FILE=.*none.pem: No such file",
        RedisTls(cert_file=empty, key_file=empty): r"not a certificate and its key",
        RedisTls(key_file=empty): r"HAYATE_REDIS_KEY_FILE=.*: a key needs HAYATE_REDIS_CERT_FILE",
    }
    for tls, what in cases.items():
        with pytest.raises(ConfigError, match=what):
            make_pool("rediss://localhost", None, 1.0, tls)
    context = RedisTls().context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_url_cannot_undo_the_verification(secured: Secured) -> None:
    with pytest.raises(ConfigError, match="ssl_cert_reqs has no place there") as raised:
        make_pool("rediss://:s3cret@localhost?ssl_cert_reqs=none", None, 1.0)
    assert "s3cret" not in str(raised.value)
    with pytest.raises(ConfigError, match="write rediss://, or unset them"):
        make_pool("redis://localhost", None, 1.0, secured.tls)


async def test_a_server_that_is_away_is_no_matter_of_certificates(secured: Secured) -> None:
    """It is tried again."""
    reader = RealTimeFeatureStore(
        "rediss://localhost:1/0", password=SecretStr("s3cret"), tls=secured.tls, timeout_s=1.0
    )
    with pytest.raises(RetryError) as raised:
        await reader.symbols()
    assert "s3cret" not in str(raised.value)
    await reader.stop()


def test_what_a_failed_handshake_means() -> None:
    for text, remedy in {
        "[SSL: WRONG_VERSION_NUMBER] wrong version number": "write redis:// in HAYATE_REDIS_URL",
        "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required": "HAYATE_REDIS_CERT_FILE",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed": "HAYATE_REDIS_CA_FILE",
    }.items():
        found = tls_remedy(ssl.SSLError(1, text))
        assert found is not None
        assert remedy in found
    assert tls_remedy(OSError("Connection refused")) is None
