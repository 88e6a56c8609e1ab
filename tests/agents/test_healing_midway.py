"""What happens to a view while it is being filled: the server is emptied, or a checkpoint ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.healing import CHECKPOINTS
from tests.agents.test_healing import Case


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    yield case
    await case.healing.pause()


async def begun(case: Case) -> None:
    """Until a filling has read the topic, and waits to write what it found."""
    fill, reached = case.store.fill, asyncio.Event()

    async def told(writes: Any) -> int:
        reached.set()
        return await fill(writes)

    case.store.held = asyncio.Event()
    case.store.fill = told  # type: ignore[method-assign]
    case.healing.lost()
    await reached.wait()


async def test_a_server_that_is_emptied_without_a_word_is_filled_anew(case: Case) -> None:
    """No call fails and nobody says that something was lost: the watermark that is gone does."""
    fill = case.store.fill
    losses = 1

    async def lossy(writes: Any) -> int:
        nonlocal losses
        changed = await fill(writes)
        if losses:
            losses = 0
            case.store.lose()
        return changed

    case.store.fill = lossy  # type: ignore[method-assign]
    end = case.add("A")
    case.healing.assign([0])
    await case.watermark_is(end)
    assert await case.store.symbols() == ["A"]
    assert case.store.filled == 2


@pytest.mark.parametrize("meanwhile", range(CHECKPOINTS + 2))
async def test_checkpoints_count_while_it_is_filled(case: Case, meanwhile: int) -> None:
    """What was stored just before the loss comes into the topic behind the end that the filling knows."""
    case.add("A")
    case.healing.assign([0])
    await case.watermark_is(1)
    case.store.lose()
    await begun(case)
    assert case.store.held is not None
    end = case.add("B")
    for _ in range(meanwhile):
        await case.healing.settled(0, end)
    case.store.held.set()
    whole = meanwhile >= CHECKPOINTS
    await case.watermark_is(end if whole else 1)
    assert await case.store.symbols() == (["A", "B"] if whole else ["A"])
    for _ in range(CHECKPOINTS - meanwhile):
        await case.healing.settled(0, end)
    await case.watermark_is(end)
    assert await case.store.symbols() == ["A", "B"]
    assert case.healing._views[0].checkpoints_left == 0
