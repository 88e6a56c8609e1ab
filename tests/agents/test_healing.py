"""When the view is filled, and when its watermark moves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.healing import Healing
from agents.store_metrics import StoreMetrics
from streams.errors import RetryError
from tables.features.healing import Healer
from tables.features.past import PastDecoder
from tables.features.store_memory import MemoryFeatureStore
from tests.tables.features.log import NAMES, SCHEMA, TOPIC, MemoryLog

NOW = 1_800_000_000.0


class Store(MemoryFeatureStore):
    """A store that can be away."""

    away = False
    held: asyncio.Event | None = None
    """A filling waits for it."""
    filled = 0
    trimmed = 0

    async def fill(self, writes: Any) -> int:
        if self.held is not None:
            await self.held.wait()
        self._asked()
        self.filled += 1
        return await super().fill(writes)

    async def watermark(self, partition: int) -> int | None:
        self._asked()
        return await super().watermark(partition)

    async def advance(self, partition: int, expected: int | None, offset: int) -> bool:
        self._asked()
        return await super().advance(partition, expected, offset)

    def _asked(self) -> None:
        if self.away:
            raise RetryError("Redis at nowhere: gone")


class Case:
    """A worker's healing with everything around it in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.store = Store(names=NAMES, schema=SCHEMA, clock=lambda: NOW)
        self.registry = CollectorRegistry()
        healer = Healer(self.log, self.store, PastDecoder(NAMES, SCHEMA), TOPIC, 300, 86_400, lambda: NOW)
        self.healing = Healing(
            healer,
            self.store,
            StoreMetrics(self.registry),
            trimmed=lambda: self.store.trimmed,
            symbols=self.symbols,
            rng=Random(1),
        )

    async def symbols(self, partition: int) -> frozenset[str]:
        return frozenset(f"S{partition}")

    def add(self, symbol: str, *, partition: int = 0) -> int:
        """A record in the topic; the topic's end behind it."""
        source = self.log.end(partition)
        self.log.add(symbol, source, source, float(source), at_s=NOW - 5, partition=partition)
        return self.log.end(partition)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.001)

    async def watermark_is(self, offset: int | None, partition: int = 0) -> None:
        async def is_there() -> bool:
            return self.store._watermarks.get(partition) == offset and not self.busy

        await self.until(is_there)

    @property
    def busy(self) -> float:
        return self.value("hayate_store_heal_partitions")

    def value(self, name: str) -> float:
        found = self.registry.get_sample_value(name)
        assert found is not None
        return found


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    yield case
    await case.healing.pause()


async def test_an_assignment_fills_to_the_end_and_checkpoints_move_on(case: Case) -> None:
    case.add("A")
    case.add("B")
    case.healing.assign([0])
    case.healing.assign([0])
    await case.watermark_is(2)
    assert await case.store.symbols() == ["A", "B"]
    await case.healing.settled(0, 5)
    assert await case.store.watermark(0) == 5
    for end in (4, None, 5):
        await case.healing.settled(0, end)
    assert await case.store.watermark(0) == 5
    assert case.value("hayate_store_heal_records_total") == 2
    assert case.value("hayate_store_heal_writes_total") == 2


async def test_a_checkpoint_does_not_overtake_a_filling(case: Case) -> None:
    case.add("A")
    case.store.held = asyncio.Event()
    case.healing.assign([0])
    await asyncio.sleep(0)
    await case.healing.settled(0, 9)
    assert await case.store.watermark(0) == 0, "it begins there, so that a loss shows"
    assert case.busy == 1
    case.store.held.set()
    await case.watermark_is(1)


async def test_what_is_not_ours_moves_nothing(case: Case) -> None:
    await case.healing.settled(0, 9)
    case.healing.assign([0])
    await case.watermark_is(0)
    await case.healing.pause([0])
    await case.healing.settled(0, 7)
    assert await case.store.watermark(0) == 7, "the last checkpoint, which comes after the pause"
    case.healing.forget([0])
    await case.healing.settled(0, 9)
    case.healing.lost()
    await case.watermark_is(7)


async def test_a_filling_ends_with_the_revocation(case: Case) -> None:
    case.add("A")
    case.store.held = asyncio.Event()
    case.healing.assign([0, 1])
    await case.until(lambda: _true(case.busy == 1))  # partition 1 is empty
    await case.healing.pause([0])
    assert case.busy == 0
    await case.healing.settled(0, 9)
    assert (await case.store.watermark(0) or 0, await case.store.watermark(1)) == (0, 0)


async def _true(value: bool) -> bool:
    return value


async def test_an_emptied_server_is_noticed_and_filled_twice(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    end = case.add("A")
    case.healing.assign([0])
    await case.watermark_is(end)
    case.store.lose()
    # B was stored before the loss, and its record comes to the topic after it.
    await case.healing.settled(0, end + 1)
    await case.watermark_is(end)
    assert await case.store.symbols() == ["A"]
    end = case.add("B")
    await case.healing.settled(0, end)
    await case.healing.settled(0, end)
    await case.watermark_is(end)
    assert await case.store.symbols() == ["A", "B"]
    end = case.add("C")
    await case.healing.settled(0, end)
    assert await case.store.watermark(0) == end
    assert "a watermark is not where it was left" in caplog.text


async def test_quiet_partitions_are_filled_too(case: Case) -> None:
    """One has a checkpoint and sees that the server was emptied; where none has any, somebody looks."""
    for partition in (0, 1):
        case.add(f"S{partition}", partition=partition)
    case.healing.assign([0, 1])
    for partition in (0, 1):
        await case.watermark_is(1, partition)
    case.store.lose()
    end = case.add("S0")
    await case.healing.settled(0, end)
    await case.watermark_is(1, 1)
    assert await case.store.symbols() == ["S0", "S1"]
    case.store.lose()
    await case.healing.look()
    for partition, end in ((0, 2), (1, 1)):
        await case.watermark_is(end, partition)
    assert await case.store.symbols() == ["S0", "S1"]
    await case.healing.look()
    assert case.busy == 0, "all is where it was left"
    case.store.away = True
    await case.healing.look()
    assert case.busy == 0


async def test_an_outage_is_followed_by_a_filling(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    case.store.away = True
    case.add("A")
    case.healing.assign([0])
    await case.until(lambda: _true("cannot be filled now: Redis at nowhere" in caplog.text))
    case.store.away = False
    await case.watermark_is(1)
    case.store.lose()
    case.healing.lost()
    await case.watermark_is(1)
    assert await case.store.symbols() == ["A"]
    assert caplog.text.count("cannot be filled now") == 1


async def test_a_loss_while_it_is_filled_is_made_good(case: Case) -> None:
    case.add("A")
    case.store.held = asyncio.Event()
    case.healing.assign([0])
    await case.until(lambda: _true(case.busy == 1))
    case.healing.lost()
    case.store.held.set()
    await case.watermark_is(1)
    assert case.store.filled == 1, "the second time there is nothing behind the watermark"


async def test_a_loss_in_the_moment_in_which_a_filling_ends_is_made_good(case: Case) -> None:
    """Its task is done then, and nobody has been told yet."""
    end = case.add("A")
    advance = case.store.advance
    losses = 1

    async def lossy(partition: int, expected: int | None, offset: int) -> bool:
        nonlocal losses
        moved = await advance(partition, expected, offset)
        if losses:
            losses = 0
            asyncio.get_running_loop().call_soon(lose)
        return moved

    def lose() -> None:
        assert case.healing._views[0].filled
        case.store.lose()
        case.healing.lost()

    case.store.advance = lossy  # type: ignore[method-assign]
    case.healing.assign([0])
    await case.until(lambda: _true(not losses))
    await case.watermark_is(end)
    assert await case.store.symbols() == ["A"]
    await case.healing.pause()
    assert case.busy == 0


async def test_an_error_of_a_checkpoint_is_no_reason_to_stop(case: Case) -> None:
    case.healing.assign([0])
    await case.watermark_is(0)
    case.store.away = True
    await case.healing.settled(0, 3)
    case.store.away = False
    await case.healing.settled(0, 4)
    assert await case.store.watermark(0) == 4


async def test_history_that_was_given_up_comes_back(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    case.healing.assign([0])
    await case.watermark_is(0)
    case.add("A")
    case.store.trimmed = 3
    await case.healing.settled(0, 1)
    await case.watermark_is(1)
    assert await case.store.symbols() == ["A"]
    assert "history was given up" in caplog.text


async def test_a_fault_of_ours_is_told(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: Any) -> int:
        raise AssertionError("a fault of ours")

    case.add("A")
    case.store.fill = broken  # type: ignore[method-assign, assignment]
    case.healing.assign([0])
    await case.until(lambda: _true("a fault of ours" in caplog.text))
    assert "features[0] is not filled from the topic any more" in caplog.text
    assert case.busy == 0
    await case.healing.settled(0, 5)
    assert await case.store.watermark(0) == 0
