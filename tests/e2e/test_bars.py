"""Bars on real Kafka: closed by ticks and by clock marks, once each, whatever becomes of the worker."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from aiokafka import ConsumerRecord

from streams.headers import header
from streams.marks import CLOCK_KIND
from streams.records import KIND, PART, PREVIOUS, SOURCE
from tests.e2e.offline import BarRecord, Offline
from tests.e2e.world import World, by_id, until

PARTITIONS: Final = 4
SYMBOLS: Final = [f"S{i}" for i in range(24)]
S: Final = 1_000_000_000
BEGIN: Final = 1_790_000_000 * S
TICKS_PER_S: Final = 60
SECONDS: Final = 60
HISTORY: Final = 200

SET: Final = """
name = "bars"
indicators = [
    "sma_5", "sma_20", "sma_50", "ema_12", "ema_26", "rsi_14", "macd", "bbands", "sma_2@1s", "rsi_3@5s.live",
]
bars = ["7t"]
mark_grace_ms = 500
"""
Message = tuple[str | None, bytes, list[tuple[str, bytes]], int | None]
"""Key, value, headers; partition of what has no key."""


def history() -> Iterator[str]:
    """Ticks of the minute before, as lines of a file."""
    rng = Random(1)
    for i in range(HISTORY):
        tick = {"symbol": rng.choice(SYMBOLS), "ts_ns": BEGIN - 60 * S + i * S // 5, "price": 100 + rng.random()}
        yield json.dumps(tick)


def market(begin: int, end: int) -> Iterator[Message]:
    """The seconds from `begin` to `end`: trades, and a mark of each second in every partition. Most symbols are quiet
    most of the time, and some trades come behind the mark."""
    rng = Random(begin + 2)
    for second in range(begin, end):
        busy = rng.sample(SYMBOLS, 9)
        for i in range(TICKS_PER_S):
            symbol, at = rng.choice(busy), BEGIN + second * S + i * S // TICKS_PER_S - rng.choice([0, 0, 0, S])
            tick = {"symbol": symbol, "ts_ns": at, "price": 100 + rng.random(), "size": rng.randrange(4)}
            yield symbol, json.dumps(tick).encode(), [], None
        mark = json.dumps({"clock": "main", "ts_ns": BEGIN + (second + 1) * S}).encode()
        for place in range(PARTITIONS):
            yield None, mark, [(KIND, CLOCK_KIND)], place


async def send(world: World, messages: Iterator[Message]) -> None:
    """By a plain client, which knows nothing of Hayate; keys go where Kafka's default partitioner puts them."""
    async with world.producer() as producer:
        sent = [
            await producer.send(
                f"{world.prefix}ticks",
                value,
                key=None if key is None else key.encode(),
                headers=headers,
                partition=place,
            )
            for key, value, headers, place in messages
        ]
        await asyncio.gather(*sent)


def as_written(record: ConsumerRecord) -> BarRecord:
    """What a record of `bars` says of itself."""
    return BarRecord(record.partition, int(header(record.headers, SOURCE) or -1), record.key.decode(), record.value)


async def test_bars_are_those_of_the_log_although_the_worker_is_killed(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    """History first; then kill -9 in the middle of ticks and marks, more of them while nobody is there, and again."""
    (tmp_path / "bars.toml").write_text(SET)
    (tmp_path / "history.jsonl").write_text("\n".join(history()))
    world = make_world(
        partitions=PARTITIONS,
        HAYATE_FEATURE_SET=str(tmp_path / "bars.toml"),
        HAYATE_SESSION_TIMEOUT_S="6",
        HAYATE_EVICT_AFTER_S="1",
    )
    done = world.faust("warm", str(tmp_path / "history.jsonl"))
    assert done.returncode == 0, done.stderr
    worker = world.start_worker(HAYATE_CHECKPOINT_MS="100")
    await worker.ready()
    await until(lambda: worker.metric("hayate_ticks_warm_total") == HISTORY, "the history is folded", worker)
    assert await world.read("features", 0) == []
    assert await world.read("bars", 0) == []

    seconds = [*range(0, SECONDS, SECONDS // 3), SECONDS]
    for part, (begin, end) in enumerate(pairwise(seconds)):
        feeding = asyncio.create_task(send(world, market(begin, end)))
        if part < 2:
            await until(partial(worker.has_more, "hayate_bars_total", 20), "bars flow", worker)
            worker.stop(signal.SIGKILL)
            await feeding
            # The second one is killed before it has any checkpoint of its own.
            worker = world.start_worker(HAYATE_CHECKPOINT_MS=("60000", "100")[part])
            await worker.ready()
        await feeding

    log = await world.read("ticks", HISTORY + SECONDS * (TICKS_PER_S + PARTITIONS))
    marks = {(one.partition, one.offset) for one in log if header(one.headers, KIND) == CLOCK_KIND}
    expected = Offline(str(tmp_path / "bars.toml"), PARTITIONS).fold(log)
    assert by_id(await world.read("features", len(expected.features), worker=worker)) == expected.features
    bars = await world.read("bars", len(expected.bars), worker=worker)
    assert by_id(bars) == {id_: bar.value for id_, bar in expected.bars.items()}
    for place in range(PARTITIONS):
        written = sorted((one for one in bars if one.partition == place), key=lambda one: one.offset)
        assert [as_written(one) for one in written] == [bar for bar in expected.bars.values() if bar.partition == place]
        assert all(header(one.headers, PART) == json.loads(one.value)["id"].encode() for one in written)
        sources = [-1, *(as_written(one).source for one in written)]
        assert [int(header(one.headers, PREVIOUS) or -1) for one in written] == sources[:-1]
    found = re.findall(r"tails .*bars': (\d+)", worker.log.read_text())
    assert sum(map(int, found)) > 20, "the third one found bars that its log gave again"
    closed_by_marks = sum((bar.partition, bar.source) in marks for bar in expected.bars.values())
    assert closed_by_marks > 50
    assert len(expected.bars) - closed_by_marks > 50
    assert worker.stop() == 0
