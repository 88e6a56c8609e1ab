"""Many readers while much is written: no error, and no record whose values are not of one tick.

`READ_SECONDS=60 python -m pytest tests/agents/api/test_readers.py` runs it for a minute.
"""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np

from tests.agents.api.api_world import HEADERS, NAMES, NS, World, record, world

READERS = 64
RATE = 1_000
SYMBOLS = [f"S{n}" for n in range(49)] + ["BTC/USDT"]
SECONDS = float(os.environ.get("READ_SECONDS", "4"))


def values_of(number: float) -> list[float]:
    """Three values that only together make sense."""
    return [number, number * number, -number / 3]


def whole(values: Any) -> bool:
    """Whether they belong together, bit for bit."""
    first, second, third = values
    return (first * first, -first / 3) == (second, third)


async def write(made: World, until: float) -> int:
    """RATE records a second in an open loop; says how many."""
    begun = time.monotonic()
    count = 0
    while (now := time.monotonic()) < until:
        due = int((now - begun) * RATE)
        made.store.put_many(
            record(SYMBOLS[n % len(SYMBOLS)], n + 1, time.time_ns() / NS - 1_790_000_000, values_of(float(n)))
            for n in range(count, due)
        )
        count = max(count, due)
        await asyncio.sleep(0.002)
    return count


class Readers:
    """What they saw."""

    def __init__(self, made: World, client: httpx.AsyncClient) -> None:
        self.made = made
        self.client = client
        self.reads: Counter[str] = Counter()

    async def read(self, number: int, until: float) -> None:
        """One reader, by one way, on and on."""
        rng = Random(number)
        ways = [self.latest, self.many, self.past, self.over_http, self.many_over_http]
        way = ways[number % len(ways)]
        newest: dict[str, int] = {}
        while time.monotonic() < until:
            symbol = rng.choice(SYMBOLS)
            number = await way(symbol)
            if way != self.past:
                assert number >= newest.get(symbol, -1), "time goes forward"
            newest[symbol] = number
            self.reads[way.__name__] += 1

    async def latest(self, symbol: str) -> int:
        found = await self.made.context.features.latest(symbol)
        assert found is not None
        assert whole(found.values.values())
        assert found.id == f"ticks-0-{int(found.values['sma_5'] or 0) + 1}"
        return found.ts_ns

    async def many(self, symbol: str) -> int:
        matrix = await self.made.context.features.latest_many(SYMBOLS, NAMES)
        first, second, third = matrix.values.T
        assert np.array_equal(first * first, second)
        assert np.array_equal(-first / 3, third)
        return int(matrix.ts_ns[SYMBOLS.index(symbol)])

    async def past(self, symbol: str) -> int:
        found = await self.made.context.features.as_of(symbol, ["sma_5", "mid"], time.time_ns())
        if found is None:
            return -1
        assert found.values["mid"] == -(found.values["sma_5"] or 0) / 3
        assert found.ts_ns // NS == found.second
        return found.ts_ns

    async def over_http(self, symbol: str) -> int:
        answer = await self.client.get(f"/v1/features/{symbol.replace('/', '%2F')}")
        assert answer.status_code == 200, answer.text
        assert whole(answer.json()["values"].values())
        return int(answer.json()["ts_ns"])

    async def many_over_http(self, symbol: str) -> int:
        answer = await self.client.post("/v1/features", json={"symbols": [*SYMBOLS[:10], symbol]})
        assert answer.status_code == 200, answer.text
        rows = answer.json()["rows"]
        assert all(whole(row["values"]) for row in rows)
        return next(int(row["ts_ns"]) for row in rows if row["symbol"] == symbol)


async def test_64_readers_see_no_torn_record(tmp_path: Path, redis_url: str) -> None:
    async with world(tmp_path, redis_url, now_ns=None) as made, made.served() as port:
        limits = httpx.Limits(max_connections=READERS)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=HEADERS, limits=limits, timeout=30
        ) as client:
            await made.put(*(record(symbol, 0, 0, values_of(-1.0), id="ticks-0-0") for symbol in SYMBOLS))
            readers = Readers(made, client)
            until = time.monotonic() + SECONDS
            writing = asyncio.create_task(write(made, until))
            await asyncio.gather(*(readers.read(number, until) for number in range(READERS)))
            written = await writing
        await made.store.flush()
        assert written > RATE * SECONDS * 0.5, "the writer was starved: this shows nothing"
        assert made.store.dropped == 0
        assert len(readers.reads) == 5
        assert min(readers.reads.values()) > SECONDS, readers.reads
