"""A worker, the `store` commands and a reader on a Redis with TLS, users and sealed features: all of it works, and
nothing secret is in a log, a page, an error or in Redis."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.reading_setup import Reading
from tests.e2e.world import World, by_id, until
from tests.tables.secured_redis import READER_PASSWORD, WRITER_PASSWORD, Secured, secured_redis

TICKS = 1_000


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_redis(tmp_path_factory.mktemp("secured")) as server:
        yield server


async def test_everything_works_and_no_secret_is_told(
    make_world: Callable[..., World], secured: Secured, tmp_path: Path
) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    files = {"writer": WRITER_PASSWORD, "reader": READER_PASSWORD, "keys": f"k1 {key}"}
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    common = {
        "HAYATE_REDIS_CA_FILE": str(secured.ca),
        "HAYATE_REDIS_CERT_FILE": str(secured.cert),
        "HAYATE_REDIS_KEY_FILE": str(secured.key),
        "HAYATE_FEATURES_KEY_FILE": str(tmp_path / "keys"),
    }
    login = f"rediss://hayate-writer@localhost:{secured.port}/0"
    world = make_world(
        partitions=2,
        HAYATE_REDIS_URL=login,
        HAYATE_REDIS_PASSWORD_FILE=str(tmp_path / "writer"),
        HAYATE_STORE_SYMBOLS="100",
        **common,
    )
    worker = world.start_worker()
    await worker.ready()
    done = world.faust("simulate", "--symbols", "4", "--rate", "2000", "--count", str(TICKS))
    assert done.returncode == 0, done.stderr
    features = by_id(await world.read("features", TICKS, worker=worker))
    await until(lambda: worker.metric("hayate_redis_pending") == 0, "all is stored", worker)

    reading = Reading(
        Settings(
            redis_url=f"rediss://hayate-reader@localhost:{secured.port}/0",
            redis_password_file=tmp_path / "reader",
            redis_ca_file=secured.ca,
            redis_cert_file=secured.cert,
            redis_key_file=secured.key,
            features_key_file=tmp_path / "keys",
        )
    )
    symbols = await reading.features.symbols()
    assert len(symbols) == 4
    for symbol in symbols:
        latest = await reading.features.latest(symbol)
        assert latest is not None
        assert latest.id in features
        assert latest.schema == FeatureSet.load("default").version
    await reading.close()

    told = [worker.get("/metrics")]
    for command in (("store", "show"), ("store", "verify"), ("store", "rebuild"), ("store", "verify")):
        done = world.faust(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        told += [done.stdout, done.stderr]
    wrong = tmp_path / "wrong"
    wrong.write_text("s3cret-and-wrong\n")
    refused = world.faust("store", "verify", HAYATE_REDIS_PASSWORD_FILE=str(wrong))
    assert refused.returncode == 1
    assert "refuses the login" in refused.stderr
    assert worker.stop() == 0

    with secured.admin() as client:
        stored = b"".join(client.dump(name) or b"" for name in client.scan_iter("*feature*"))
    everything = "\n".join([*told, refused.stdout, refused.stderr, worker.log.read_text()])
    for secret in (WRITER_PASSWORD, READER_PASSWORD, key, "s3cret-and-wrong", secured.key.read_text().split("\n")[1]):
        assert secret not in everything
        assert secret.encode() not in stored
