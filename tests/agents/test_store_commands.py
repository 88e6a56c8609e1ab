"""`faust -A app store`, with the topic in memory and a real Redis."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiokafka.errors import KafkaConnectionError
from redis import Redis

from agents import store_commands
from agents.store_commands import Progress, described, opened, promote, rebuild, verify
from streams.errors import ConfigError, RetryError, ViewError
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.records import SOURCE
from streams.settings import Settings
from tables.features.healing import Healed
from tests.tables.features.log import MemoryLog

MINE = 'name = "mine"\nindicators = ["sma_5", "rsi_14"]\nhistory = ["sma_5"]\n'
T0 = 1_790_000_000


class Log(MemoryLog):
    """In the place of the reader of a real topic."""

    def __init__(self, *_: Any) -> None:
        super().__init__(step=50)
        self.stopped = False

    async def start(self) -> None:
        """Nothing to connect."""
        if self.error is not None:
            raise self.error

    async def stop(self) -> None:
        """Nothing to close."""
        self.stopped = True


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    return Settings(redis_url=redis_url, kafka_url="kafka://127.0.0.1:1", feature_set=str(file), partitions=2)


@pytest.fixture
def redis(redis_url: str) -> Any:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Ten records of five symbols."""
    feature_set, log = FeatureSet.load(settings.feature_set), Log()
    encoder = FeatureEncoder(feature_set.outputs, feature_set.version)
    for n in range(10):
        flags = np.zeros((1, 2), np.uint8)
        ((raw, _, _),) = encoder.encode(
            [f"ticks-0-{n}"], [f"S{n % 5}"], [(T0 + n // 5) * 10**9], [100.5], [[float(n), 50.0]], flags
        )
        log.add(f"S{n % 5}", n, 0, 0.0, at_s=time.time() - 5, raw=raw, headers=((SOURCE, b"%d" % n),))
    monkeypatch.setattr(store_commands, "LogReader", lambda *_: log)
    return log


async def test_rebuild_and_verify(settings: Settings, redis: Any, log: Log) -> None:
    async with opened(settings) as (feature_set, held, reader):
        with pytest.raises(ViewError, match=r"5 symbols and 10 seconds.*store rebuild"):
            await verify(settings, feature_set, reader, sample=200, everything=False)
        redis.set("features:watermark:0", "7")
        assert "10 records of features read, 10 writes" in await rebuild(
            settings, feature_set, held, reader, clear=False
        )
        assert redis.get("features:watermark:0") == "7"
        assert await verify(settings, feature_set, reader, sample=3, everything=True) == (
            "Redis has what the topic has: 5 symbols and 3 seconds of history (10 records of the topic)"
        )
        redis.hset("feature:S4:latest", mapping={"_offset": "999", "sma_5": "1"})
        said = await rebuild(settings, feature_set, held, reader, clear=True)
        assert said.startswith("removed ")
        assert redis.hget("feature:S4:latest", "sma_5") == "9.0"
    assert log.stopped


async def test_differences_are_printed_up_to_a_number(
    settings: Settings, log: Log, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_commands, "SAID", 2)
    async with opened(settings) as (feature_set, _, reader):
        with pytest.raises(ViewError, match="15 differences between Redis and features among"):
            await verify(settings, feature_set, reader, sample=200, everything=False)
    assert capsys.readouterr().out.count("nothing in Redis") == 2
    assert log.stopped


@pytest.mark.usefixtures("log")
async def test_show(settings: Settings, redis: Any) -> None:
    async with opened(settings) as (feature_set, held, reader):
        await rebuild(settings, feature_set, held, reader, clear=False)
        assert await held.filler.advance(0, None, 8)
        redis.config_set("maxmemory-policy", "allkeys-lru")
        shown = [line async for line in described(settings, feature_set, held, reader)]
        redis.config_set("maxmemory-policy", "noeviction")
    text = "\n".join(shown)
    assert f"mine@{feature_set.version}" in text
    assert f"active set: base; sets with symbols: {feature_set.version}" in text
    assert "will need: 5 symbols x" in text
    assert "- maxmemory-policy allkeys-lru evicts features" in text
    assert shown[-2].split() == ["0", "8", "10", "2"]
    assert shown[-1].split() == ["1", "-", "0", "0"]


@pytest.mark.usefixtures("log")
async def test_promote(settings: Settings, redis: Any) -> None:
    async with opened(settings) as (feature_set, held, reader):
        await rebuild(settings, feature_set, held, reader, clear=False)
    version = feature_set.version
    assert await promote(settings, version) == "active feature set: base (before: base)"
    redis.zadd("features:ba9876543210:symbols", {"S0": 2e9})
    assert await promote(settings, "ba9876543210") == "active feature set: ba9876543210 (before: base)"
    assert await promote(settings, "base") == "active feature set: base (before: ba9876543210)"
    with pytest.raises(ConfigError, match="which feature set"):
        await promote(settings, None)
    away = settings.model_copy(update={"redis_url": "redis://:hunter2@127.0.0.1:1/0"})
    with pytest.raises(RetryError, match=r"Redis at 127\.0\.0\.1:1/0") as caught:
        await promote(away, "base")
    assert "hunter2" not in str(caught.value)


async def test_kafka_away(settings: Settings, log: Log) -> None:
    log.error = KafkaConnectionError("gone")
    with pytest.raises(RetryError, match="Kafka refuses or is away"):
        async with opened(settings):
            pass
    assert log.stopped


def test_progress_is_told_once_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ticking: Callable[[], float]
) -> None:
    monkeypatch.setattr("agents.store_commands.time.monotonic", ticking)
    progress = Progress(3)
    for read in range(6):
        progress(Healed(records=1_000 * read, reached=9_000))
    assert capsys.readouterr().err.splitlines() == [
        "features[3]: 2,000 records read, 9,000 left at most",
        "features[3]: 5,000 records read, 9,000 left at most",
    ]


@pytest.fixture
def ticking() -> Callable[[], float]:
    """0.4 s pass between two looks."""
    looks = itertools.count()
    return lambda: 0.4 * next(looks)
