"""A feature store's start and stop, and servers that refuse it."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from streams.errors import ConfigError, RetryError
from tables.feature_store import RealTimeFeatureStore
from tests.tables.features.test_store_outage import ONES, PATIENCE_S, Server, lines, make, sma, started
from tests.tables.test_feature_store import record


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


async def test_a_password_opens_and_is_never_shown(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.start("--requirepass", "hunter2!")
    address = f"127.0.0.1:{server.port}/0"
    for url, password in (
        (f"redis://:hunter2%21@{address}", None),
        (f"redis://:wrong-one@{address}", SecretStr("hunter2!")),
        (f"redis://{address}", SecretStr("hunter2!")),
    ):
        async with started(url, password=password) as store:
            assert store.up
            assert store.address == address
            assert "hunter2" not in repr(store)
    for url, password in ((f"redis://:wrong-one@{address}", None), (f"redis://{address}", SecretStr("wrong-one"))):
        store = make(url, password=password)
        with pytest.raises(ConfigError, match=r"refuses the login.*HAYATE_REDIS_PASSWORD_FILE") as caught:
            await store.start()
        assert "wrong-one" not in str(caught.value)
        await store.stop()
    assert "hunter2" not in caplog.text
    assert "wrong-one" not in caplog.text


async def test_a_user_without_the_right_is_told_which(server: Server) -> None:
    server.start()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">pw", "~feature*", "+@all", "-function")
    store = make(f"redis://narrow:pw@127.0.0.1:{server.port}/0")
    with pytest.raises(ConfigError, match=r"'function.*extend the ACL"):
        await store.start()
    await store.stop()


async def test_what_is_wrong_after_an_outage_is_an_error_in_the_log(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(server.url) as store:
        server.start("--requirepass", "secret")
        store.put_many([record("ES", 1, 0, ONES)])
        with pytest.raises(RetryError, match="refuses the login"):
            await _flush_until(store, "refuses the login")
        errors = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "refuses the login" in errors[0].getMessage()
        with server.client(password="secret") as client:  # noqa: S106 - of a server that lives for this test
            client.config_set("requirepass", "")
        await store.flush(PATIENCE_S)
        assert store.up


async def _flush_until(store: RealTimeFeatureStore, reason: str) -> None:
    """Flush in vain until `reason` is what it tells."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await store.flush(timeout_s=0.1)
            except RetryError as error:
                if reason in str(error):
                    raise


async def test_a_stop_without_redis_counts_what_is_left(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    store = make(server.url)
    await store.start()
    store.put_many([record("ES", 1, 0, ONES)])
    await store.stop(timeout_s=0.1)
    assert "stops too early: 1 feature records are not stored" in lines(caplog)[-1]
    with pytest.raises(RuntimeError, match="stopped"):
        store.put_many([])
    await store.stop()
    with pytest.raises(RuntimeError, match="make a new one"):
        await store.start()


async def test_a_stop_stores_what_was_put(server: Server) -> None:
    server.start()
    store = make(server.url)
    store.put_many([record("ES", 1, 0, ONES)])
    await store.start()
    with pytest.raises(RuntimeError, match="started before"):
        await store.start()
    await store.stop()
    reader = make(server.url)
    assert await sma(reader, "ES") == 1.0
    await reader.stop()


async def test_a_store_that_does_not_run_cannot_flush() -> None:
    with pytest.raises(RuntimeError, match="start"):
        await make("redis://127.0.0.1:1/0").flush()


async def test_a_writer_needs_names_and_a_schema() -> None:
    with pytest.raises(ConfigError, match="names and schema"):
        await RealTimeFeatureStore("redis://127.0.0.1:1/0").start()


async def test_a_flush_task_that_ends_is_reported(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()

    def fail(*_: Any) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr("tables.features.commands.put_command", fail)
    async with started(server.url) as store:
        store.put_many([record("ES", 1, 0, ONES)])
        with pytest.raises(RetryError):
            await store.flush(timeout_s=0.2)
    assert "flush task ended" in caplog.text
    assert "a fault of ours" in caplog.text
