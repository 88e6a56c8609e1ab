"""Redis away, restarted, suspended, emptied or full: a server of the test's own."""

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from deploy.local.ports import free_ports
from deploy.local.processes import wait_until
from deploy.local.progress import Silent
from deploy.local.redis import choose_program
from streams.errors import RetryError
from tables.feature_store import RealTimeFeatureStore
from tests.tables.test_feature_store import NAMES, NS, SCHEMA, T0, record

PATIENCE_S = 30.0
ONES = [1.0, 1.0, 1.0]


class Server:
    """A Redis or Valkey that the test may stop and start; it forgets everything each time."""

    def __init__(self, folder: Path) -> None:
        self._binary = choose_program(os.environ, Silent())[0]
        self._folder = folder
        # Below the ports of outgoing connections: a client that tries a stopped server there might meet itself.
        self.port = free_ports(SystemRandom().randrange(15_000, 30_000))
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Run it until it answers."""
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([self._binary, *fixed, *options], stdout=subprocess.DEVNULL)
        assert wait_until(self._answers, PATIENCE_S)

    def client(self, **options: Any) -> Any:
        """A plain client, untyped as redis-py's types cover its asyncio twin too."""
        return Redis(port=self.port, **options)

    def signal(self, number: signal.Signals) -> None:
        """Suspend it (SIGSTOP) or let it go on (SIGCONT)."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.ping()
        except AuthenticationError:
            return True
        except RedisError:
            return False
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


def make(url: str, **options: Any) -> RealTimeFeatureStore:
    return RealTimeFeatureStore(url, names=NAMES, schema=SCHEMA, rng=Random(1), **options)


@asynccontextmanager
async def started(url: str, **options: Any) -> AsyncIterator[RealTimeFeatureStore]:
    store = make(url, **options)
    await store.start()
    try:
        yield store
    finally:
        await store.stop(timeout_s=0.1)


async def sma(store: RealTimeFeatureStore, symbol: str) -> float | None:
    latest = await store.latest(symbol)
    return None if latest is None else latest.values["sma_5"]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Messages of the store, each without a traceback."""
    ours = [entry for entry in caplog.records if entry.name.startswith("tables.")]
    assert all(entry.exc_info is None for entry in ours)
    return [entry.getMessage() for entry in ours]


async def test_a_server_away_at_the_start_gets_everything_when_it_comes(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    stored = asyncio.Event()
    async with started(server.url) as store:
        assert not store.up
        store.put_many([record("ES", n, n, [float(n)] * 3) for n in range(5)], stored.set)
        with pytest.raises(
            RetryError, match=rf"5 feature records are not stored at 127.0.0.1:{server.port}/0 .*Error 111"
        ):
            await store.flush(timeout_s=0.3)
        assert not stored.is_set()
        assert store.errors > 1, "several attempts"
        (warning,) = lines(caplog)
        assert "features wait for the store, up to 20000" in warning
        assert f"127.0.0.1:{server.port}/0" in warning
        server.start()
        await store.flush(PATIENCE_S)
        assert stored.is_set()
        assert store.up
        assert (store.written, store.pending, store.dropped) == (5, 0, 0)
        found = await store.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)
        assert found.pairs == [(T0 + n, float(n)) for n in range(5)]
        assert len(lines(caplog)) == 2
        assert "takes features again" in lines(caplog)[1]
        assert {entry.levelno for entry in caplog.records if entry.name.startswith("tables.")} == {logging.WARNING}


async def test_a_server_that_comes_is_found_with_nothing_to_write(server: Server) -> None:
    async with started(server.url) as store:
        server.start()
        async with asyncio.timeout(PATIENCE_S):
            await store.flush(PATIENCE_S)
        assert store.up
        with server.client() as client:
            assert client.exists(f"features:schema:{SCHEMA}") == 1


async def test_a_server_killed_and_restarted_empty_is_filled_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.start()
    async with started(server.url) as store:
        for outage in range(2):
            store.put_many([record("ES", 10 * outage, 0, ONES)])
            await store.flush(PATIENCE_S)
            server.kill()
            store.put_many([record("ES", 10 * outage + 1, 1, [2.0, 2.0, 2.0])])
            with pytest.raises(RetryError):
                await store.flush(timeout_s=0.2)
            with pytest.raises(RetryError, match=f"Redis at 127.0.0.1:{server.port}/0"):
                await store.latest("ES")
            server.start()
            await store.flush(PATIENCE_S)
            assert await sma(store, "ES") == 2.0
            with server.client() as client:
                assert client.exists(f"features:schema:{SCHEMA}") == 1
            assert len(lines(caplog)) == 2 * (outage + 1), "one line for each outage, one for each return"
        assert store.written == 4


async def test_a_restart_between_two_flushes_loses_nothing(server: Server) -> None:
    server.start()
    async with started(server.url) as store:
        store.put_many([record("ES", 1, 0, ONES)])
        await store.flush()
        server.kill()
        server.start()
        store.put_many([record("ES", 2, 1, [2.0, 2.0, 2.0])])
        await store.flush(PATIENCE_S)
        assert await sma(store, "ES") == 2.0


async def test_functions_and_schema_come_back_after_both_flushes(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.start()
    async with started(server.url) as store:
        store.put_many([record("ES", 1, 0, ONES)])
        await store.flush()
        with server.client() as client:
            for n, command in enumerate(["FUNCTION FLUSH", "FLUSHALL"], start=2):
                client.execute_command(command)
                store.put_many([record("ES", n, 0, [float(n)] * 3)])
                await store.flush()
                assert await sma(store, "ES") == float(n)
                assert client.exists(f"features:schema:{SCHEMA}") == 1
        assert lines(caplog) == [], "neither is an outage"


async def test_a_suspended_server_holds_up_nobody(server: Server) -> None:
    server.start()
    async with started(server.url, timeout_s=0.2) as store:
        store.put_many([record("ES", 1, 0, ONES)])
        await store.flush()
        server.signal(signal.SIGSTOP)
        store.put_many([record("ES", 2, 1, [2.0, 2.0, 2.0])])
        with pytest.raises(RetryError):
            await store.flush(timeout_s=1.0)
        with pytest.raises(RetryError):
            await store.latest("ES")
        server.signal(signal.SIGCONT)
        await store.flush(PATIENCE_S)
        assert await sma(store, "ES") == 2.0
        assert store.dropped == 0


async def test_where_somebody_fills_it_from_the_topic_only_the_newest_wait(server: Server) -> None:
    backs: list[int] = []
    async with started(server.url) as store:
        store.on_back(lambda: backs.append(1))
        store.put_many([record("ES", n, n, [float(n)] * 3) for n in range(50)])
        server.start()
        await store.flush(PATIENCE_S)
        assert (store.written, store.dropped, backs) == (1, 0, [1])
        assert await sma(store, "ES") == 49.0


async def test_beyond_the_bound_the_oldest_history_goes_first(server: Server) -> None:
    async with started(server.url, max_pending=32) as store:
        # Of `quiet` only the newest record exists, and it is the oldest of all.
        store.put_many([record("quiet", 1, 0, ONES)])
        for n in range(200):
            store.put_many([record("busy", n, n, [float(n)] * 3)])
            assert store.pending <= 32
        assert store.dropped + store.pending == 201
        server.start()
        await store.flush(PATIENCE_S)
        assert await sma(store, "quiet") == 1.0
        kept = [int(value) for _, value in (await store.history("busy", "sma_5", T0 * NS, (T0 + 200) * NS)).pairs]
        assert len(kept) >= 28
        assert kept == list(range(200 - len(kept), 200))


async def test_a_full_server_is_an_outage(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.start()
    async with started(server.url) as store:
        with server.client() as client:
            client.config_set("maxmemory", 1)
            store.put_many([record("ES", 1, 0, ONES)])
            with pytest.raises(RetryError, match="maxmemory"):
                await store.flush(timeout_s=0.3)
            client.config_set("maxmemory", 0)
        await store.flush(PATIENCE_S)
        assert (store.written, store.dropped) == (1, 0)
        assert len(lines(caplog)) == 2
