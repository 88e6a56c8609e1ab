"""The queue between socket and producer, against a plain list: what is left out, and nothing changes places."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.live_queue import LiveQueue, Queued, WhenSlow
from streams.marks import ClockMark, GapMark
from streams.records import Tick


def trade(symbol: str, seq: int) -> Tick:
    return Tick(symbol, seq + 1, price=1.0, seq=seq)


def quote(symbol: str, seq: int) -> Tick:
    return Tick(symbol, seq + 1, bid=1.0, ask=2.0, seq=seq)


def both(symbol: str, seq: int) -> Tick:
    return Tick(symbol, seq + 1, price=1.0, bid=1.0, ask=2.0, seq=seq)


def some(kinds: Sequence[tuple[str, str]]) -> list[Queued]:
    makes = {"t": trade, "q": quote, "b": both}
    items: list[Queued] = []
    for n, (kind, symbol) in enumerate(kinds):
        if kind == "g":
            items.append(GapMark(symbol, n + 1))
        elif kind == "c":
            items.append(ClockMark("v", n + 1))
        else:
            items.append(makes[kind](symbol, n))
    return items


def is_quote(item: Queued) -> bool:
    return isinstance(item, Tick) and item.price is None


kinds = st.lists(st.tuples(st.sampled_from("tqqqbgc"), st.sampled_from("AB")), max_size=80)


@given(kinds, st.integers(1, 12), st.sampled_from(["block", "conflate"]), st.randoms(use_true_random=False))
def test_what_comes_out(names: list[tuple[str, str]], size: int, when_slow: WhenSlow, rng: object) -> None:
    items = some(names)

    async def run() -> None:
        queue = LiveQueue(size, when_slow)
        out: list[tuple[Queued, int]] = []

        async def put() -> None:
            for n, item in enumerate(items):
                await queue.put(item, n)
            queue.close()

        async def take() -> None:
            while taken := await queue.take():
                assert len(taken) <= size + 1
                out.extend(taken)
                for _ in range(rng.randrange(4)):  # type: ignore[attr-defined]  # a Random, by Hypothesis
                    await asyncio.sleep(0)

        await asyncio.gather(put(), take())
        came = [n for _, n in out]
        assert came == sorted(set(came)), "in order, none twice"
        assert [item for item, _ in out] == [items[n] for n in came]
        left_out = sorted(set(range(len(items))) - set(came))
        assert queue.conflated == len(left_out)
        assert when_slow == "conflate" or not left_out
        for n in left_out:
            assert is_quote(items[n]), "only quotes"
            old = items[n]
            newer = [m for m in came if m > n and is_quote(items[m]) and items[m].symbol == old.symbol]  # type: ignore[union-attr]
            assert newer, "a newer quote of the symbol came out"
        assert len(queue) == 0

    asyncio.run(run())


async def test_a_full_queue_keeps_the_newest_quote_of_each_symbol() -> None:
    queue = LiveQueue(4, "conflate")
    first = [quote("A", 1), trade("A", 2), quote("B", 3), quote("A", 4)]
    for item in first:
        await queue.put(item)
    assert queue.full
    assert queue.conflated == 0, "nothing is left out before there is need"
    await queue.put(quote("B", 5))
    assert queue.conflated == 2
    await queue.put(trade("B", 6))
    for n in range(7, 100):
        await queue.put(quote("A", n))
    assert [(i.symbol, i.seq) for i, _ in await queue.take() if isinstance(i, Tick)] == [
        *(("A", 2), ("B", 5), ("B", 6), ("A", 99))
    ]
    assert queue.conflated == 95


async def test_trades_wait_also_when_conflating() -> None:
    queue = LiveQueue(2, "conflate")
    for n in range(2):
        await queue.put(trade("A", n))
    putting = asyncio.create_task(queue.put(trade("A", 2)))
    await asyncio.sleep(0)
    assert not putting.done()
    assert len(await queue.take()) == 2
    await putting
    queue.close()
    assert len(await queue.take()) == 1
    assert await queue.take() == []


@pytest.mark.parametrize("when_slow", ["block", "conflate"])
async def test_memory_is_bounded_while_nobody_takes(when_slow: WhenSlow) -> None:
    queue = LiveQueue(10, when_slow)

    async def put() -> None:
        for n in range(1_000):
            await queue.put(quote("A", n))

    putting = asyncio.create_task(put())
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(queue._entries) <= 2 * 10 + 1
    assert putting.done() is (when_slow == "conflate")
    putting.cancel()
