"""When what became of a tick could be read, by somebody outside: in a topic, and in Redis."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import hiredis
import numpy as np
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.columns import F64
from streams.headers import header, integer
from streams.records import SENT_NS, SOURCE

LOOK_S = 0.001


class Seen(NamedTuple):
    """One record that was received."""

    symbol: str
    source: int
    """Offset of its tick."""
    sent_ns: int
    received_ns: int


class TopicWatch:
    """Everything that comes into a topic from now on: `async with`."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._tps = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=100)
        self._task: asyncio.Task[None] | None = None
        self.seen: list[Seen] = []

    async def __aenter__(self) -> Self:
        self._consumer.assign(self._tps)
        await self._consumer.start()
        await self._consumer.seek_to_end(*self._tps)
        for tp in self._tps:
            await self._consumer.position(tp)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    def latencies(self, since_ns: int) -> F64:
        """Milliseconds from the send to the receipt, of ticks sent from then on."""
        return np.array([(seen.received_ns - seen.sent_ns) / 1e6 for seen in self.seen if seen.sent_ns >= since_ns])

    async def _read(self) -> None:
        while True:
            polled = await self._consumer.getmany(timeout_ms=1000)
            now = time.time_ns()
            for records in polled.values():
                for record in records:
                    sent = integer(header(record.headers, SENT_NS))
                    source = integer(header(record.headers, SOURCE))
                    self.seen.append(Seen((record.key or b"").decode(), source, sent, now))


class RedisWatch:
    """The newest record of some symbols, asked for about once a millisecond on one connection: `async with`.

    A tick counts as readable at the first answer that is of it or of a newer one of its symbol, so its latency is up to
    one look too long, never too short.
    """

    def __init__(self, url: str, symbols: Sequence[str]) -> None:
        self._url = urlsplit(url)
        self._symbols = list(symbols)
        self._request = b"".join(_command("HGET", f"feature:{symbol}:latest", "_offset") for symbol in symbols)
        self._task: asyncio.Task[None] | None = None
        self.answers: dict[str, list[tuple[int, int]]] = defaultdict(list)
        """Symbol -> (source offset, time) of each change, both ascending."""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writer.write(_command("SELECT", self._url.path.strip("/") or "0"))
        await self._reader.readline()
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        self._writer.close()
        await self._writer.wait_closed()

    def latencies(self, seen: Sequence[Seen], since_ns: int) -> F64:
        """Milliseconds from the send of a tick until it was readable, of the records `seen` of these symbols."""
        return readable_after(self.answers, seen, since_ns)

    async def _look(self) -> None:
        parser = hiredis.Reader()
        last: list[bytes | None] = [None] * len(self._symbols)
        while True:
            self._writer.write(self._request)
            found: list[bytes | None] = []
            while len(found) < len(self._symbols):
                data = await self._reader.read(65_536)
                if not data:
                    raise ConnectionError("Redis has closed the connection")
                parser.feed(data)
                while (answer := parser.gets()) is not False:
                    found.append(answer)
            now = time.time_ns()
            for place, answer in enumerate(found):
                if answer is not None and answer != last[place]:
                    self.answers[self._symbols[place]].append((int(answer), now))
                    last[place] = answer
            await asyncio.sleep(LOOK_S)


def readable_after(answers: dict[str, list[tuple[int, int]]], seen: Sequence[Seen], since_ns: int) -> F64:
    """Milliseconds from each send to the first answer that covers it; ticks that none covers are left out.

    Raises:
        ValueError: Redis showed a newer record before the tick was sent: it holds those of an earlier run.
    """
    found = []
    offsets = {symbol: np.array([offset for offset, _ in changes]) for symbol, changes in answers.items()}
    for record in seen:
        if record.sent_ns < since_ns or record.symbol not in offsets:
            continue
        at = int(np.searchsorted(offsets[record.symbol], record.source))
        if at < len(offsets[record.symbol]):
            found.append((answers[record.symbol][at][1] - record.sent_ns) / 1e6)
            if found[-1] < 0:
                raise ValueError(f"Redis has newer records of {record.symbol} than this run's: empty it before")
    return np.array(found)


def _command(*parts: str) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part.encode()) for part in parts)
