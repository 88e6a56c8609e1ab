"""Streams over a real socket: what changes comes, slow readers skip, and nothing waits for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from agents.api.mailbox import Event, Mailbox
from tests.agents.api.api_world import HEADERS, KEY, NS, SCHEMA, T0, World, fill, record, signal, world

LONG = 20.0


class Reader:
    """Takes the events of one stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, Any, str]:
        """Name, data and id of the next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(LONG):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name] = value
                elif "event" in fields:
                    return fields["event"], json.loads(fields["data"]), fields.get("id", "")
        raise EOFError

    async def until(self, wanted: Any) -> tuple[str, Any, str]:
        """The first event that `wanted` says yes to."""
        while True:
            event = await self.next()
            if wanted(*event):
                return event


@asynccontextmanager
async def reading(port: int, query: str, **headers: str) -> AsyncIterator[Reader]:
    async with (
        httpx.AsyncClient(timeout=LONG) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/v1/stream?{query}", headers=HEADERS | headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer.aiter_lines())


@pytest.fixture
async def port(api: World) -> AsyncIterator[int]:
    async with api.served() as port:
        yield port


async def test_the_newest_comes_at_once_and_then_what_changes(api: World, port: int) -> None:
    async with reading(port, "symbols=ES&symbols=XX&symbols=BTC%2FUSDT&names=mid") as reader:
        first = [await reader.next() for _ in range(6)]
        assert {(kind, data.get("symbol") or data["signal"]["symbol"]) for kind, data, _ in first} == {
            ("features", "ES"),
            ("features", "BTC/USDT"),
            ("absent", "XX"),
            ("signals", "ES"),
            ("signals", "BTC/USDT"),
        }
        await api.put(record("ES", 10, 3, [1.0, 2.0, 7.5]))
        kind, data, id_ = await reader.next()
        assert (kind, data["values"], id_) == ("features", {"mid": 7.5}, "features:ticks-0-10")
        await api.signal(signal("ES", 10))
        kind, data, id_ = await reader.next()
        assert (kind, data["signal"]["id"], id_) == ("signals", "ticks-0-10", "signals:ticks-0-10")
        await api.put(record("XX", 1, 3, [1.0, 2.0, 3.0]))
        assert (await reader.next())[1]["symbol"] == "XX"


async def test_who_comes_back_does_not_get_what_it_has(api: World, port: int) -> None:
    async with reading(port, "symbols=ES&kinds=features") as reader:
        _, _, id_ = await reader.next()
    async with reading(port, "symbols=ES&kinds=features", **{"Last-Event-ID": id_}) as reader:
        await api.put(record("ES", 11, 3, [1.0, 2.0, 3.0]))
        assert (await reader.next())[2] == "features:ticks-0-11"


async def test_two_streams_of_one_symbol_and_one_that_leaves(api: World, port: int) -> None:
    async with reading(port, "symbols=ES&kinds=features") as one:
        await one.next()
        async with reading(port, "symbols=ES&symbols=NQ&kinds=features") as other:
            assert {(await other.next())[1]["symbol"] for _ in range(2)} == {"ES", "NQ"}
        await api.put(record("ES", 12, 3, [1.0, 2.0, 3.0]))
        assert (await one.next())[2] == "features:ticks-0-12"
    async with asyncio.timeout(LONG):
        while len(api.context.hub):  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.01)
    assert api.context.hub._followers == {}
    assert api.context.hub._held == {}


async def test_a_stream_ends_when_it_was_asked_to(port: int) -> None:
    async with reading(port, "symbols=ES&seconds=0.2") as reader:
        with pytest.raises(EOFError):
            await reader.until(lambda *_: False)


async def test_the_end_of_the_server_ends_streams(api: World) -> None:
    async with api.served() as port, reading(port, "symbols=ES") as reader:
        await reader.next()
        await api.context.hub.close()
        with pytest.raises(EOFError):
            await reader.until(lambda *_: False)


async def test_what_becomes_stale_is_an_event(tmp_path: Path) -> None:
    now = (T0 + 1) * NS
    async with world(tmp_path, None, judge_s=0.02) as made:
        made.store._now_ns = lambda: now
        await fill(made)
        async with made.served() as port, reading(port, "symbols=ES&kinds=features") as reader:
            assert (await reader.next())[1]["status"] == "ready"
            now = (T0 + 62) * NS
            _, data, id_ = await reader.next()
            assert (data["status"], data["flags"], id_) == ("stale", {"sma_5": "stale"}, "features:ticks-0-2:1-stale")


async def test_what_became_stale_is_sent_to_who_had_the_record(tmp_path: Path) -> None:
    """While nobody read, and while somebody reads who came back with its id; what was seen stale is not sent again."""
    now = (T0 + 1) * NS
    query = "symbols=ES&kinds=features"
    async with world(tmp_path, None, judge_s=0.02) as made:
        made.store._now_ns = lambda: now
        await fill(made)
        async with made.served() as port:
            async with reading(port, query) as reader:
                _, _, id_ = await reader.next()
            async with reading(port, query, **{"Last-Event-ID": id_}) as reader:
                while not made.context.hub._held:  # noqa: ASYNC110 - it is read, and not sent
                    await asyncio.sleep(0.01)
                now = (T0 + 62) * NS
                _, data, late = await reader.next()
                assert data["status"] == "stale"
            async with reading(port, query, **{"Last-Event-ID": id_}) as reader:
                assert (await reader.next())[1]["status"] == "stale"
            async with reading(port, query, **{"Last-Event-ID": late}) as reader:
                await made.put(record("ES", 11, 62, [1.0, 2.0, 3.0]))
                assert (await reader.next())[2] == "features:ticks-0-11"


async def test_a_stream_ends_with_its_key(tmp_path: Path) -> None:
    async with world(tmp_path, None) as made:
        await fill(made)
        made.context.heartbeat_s = 0.1
        async with made.served() as port, reading(port, "symbols=ES&kinds=features") as reader:
            await reader.next()
            (tmp_path / "keys").write_text(f"another {'y' * 20}\n", encoding="utf-8")
            with pytest.raises(EOFError):
                await reader.until(lambda *_: False)


async def test_who_comes_while_the_last_one_leaves(tmp_path: Path, redis_url: str) -> None:
    """Its connections are its own: what the one before closes is not theirs, and nobody is told of an outage."""
    async with world(tmp_path, redis_url) as made:
        await fill(made)
        hub, changes = made.context.hub, made.context.hub._changes
        close, leaving, held = changes.close, asyncio.Event(), asyncio.Event()
        slow = False

        async def slowly() -> None:
            nonlocal slow
            if slow:
                slow = False
                leaving.set()
                await held.wait()
            await close()

        changes.close = slowly  # type: ignore[method-assign]
        first, second = Mailbox(["ES"], ["features"]), Mailbox(["ES"], ["features"])
        hub.subscribe(first)
        assert len(await first.take(LONG)) == 1
        slow = True
        gone = asyncio.create_task(hub.unsubscribe(first))
        async with asyncio.timeout(LONG):
            await leaving.wait()
            hub.subscribe(second)
            early = await second.take(0.5)
            held.set()
            await gone
            events = early or await second.take(LONG)
            assert [b"event: features" in event for event in events] == [True]
            await made.put(record("ES", 60, 5, [1.0, 2.0, 3.0]))
            (event,) = await second.take(LONG)
        assert b"ticks-0-60" in event, "no outage, and the next record"
        await hub.unsubscribe(second)


async def test_a_slow_reader_skips_and_hinders_nobody(api: World, port: int) -> None:
    """It reads nothing until its socket is full and events wait for it; then it gets the newest of each symbol."""
    names = [f"S{n}" for n in range(20)]
    query = "kinds=features&" + "&".join(f"symbols={name}" for name in names)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(f"GET /v1/stream?{query} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n".encode())
    await reader.readline()
    (slow,) = api.context.hub._boxes
    offset = 0
    async with reading(port, query) as quick, asyncio.timeout(LONG):
        slow_since = 0
        while len(slow) < len(names) or offset < slow_since + 3:
            offset += 1
            slow_since = offset if len(slow) < len(names) else slow_since
            await api.put(*(large(name, offset) for name in names))
            left = set(names)
            while left:
                _, data, _ = await quick.next()
                left -= {data["symbol"]} if data.get("id", "").endswith(f"x{offset}") else set()
        assert len(slow) == len(names), "one event of each symbol at most"
        assert api.context.metrics.conflated._value.get() >= len(names)
        taken = b""
        while f'x{offset}"'.encode() not in taken:
            taken = taken[-100:] + await reader.read(65_536)
    writer.close()


def large(symbol: str, offset: int) -> Any:
    """A record that fills a socket soon."""
    return record(symbol, offset, offset / 1000, [1.0, 2.0, 3.0], id="x" * 20_000 + f"{offset}")


async def test_a_reader_that_is_gone_is_let_go(api: World) -> None:
    api.context.slow_s = 0.2
    async with api.served() as port:
        names = [f"S{n}" for n in range(20)]
        query = "&".join(f"symbols={name}" for name in names)
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(f"GET /v1/stream?{query} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n".encode())
        offset = 0
        async with asyncio.timeout(LONG):
            while not api.context.metrics.dropped._value.get():
                offset += 1
                await api.put(*(large(name, offset) for name in names))
                await asyncio.sleep(0.01)
            while len(api.context.hub):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.close()


async def test_streams_are_told_of_an_outage_and_go_on(tmp_path: Path, redis_url: str) -> None:
    async with world(tmp_path, redis_url) as made:
        await fill(made)
        async with made.served() as port, reading(port, "symbols=ES&kinds=features") as reader:
            await reader.next()
            client: Any = Redis.from_url(redis_url)
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            assert (await reader.next())[:2] == ("store", {"up": False})
            assert (await reader.next())[:2] == ("store", {"up": True})
            client.flushdb()
            assert (await reader.next())[:2] == ("absent", {"symbol": "ES", "kind": "features"})
            await made.put(record("ES", 50, 4, [1.0, 2.0, 3.0]))
            assert (await reader.next())[1]["schema"] == SCHEMA


async def test_a_mailbox_keeps_the_newest_of_each() -> None:
    conflated: list[int] = []
    box = Mailbox(["A", "B"], ["features"], on_conflated=lambda: conflated.append(1))
    for symbol in "AABAB":
        box.put(Event("features", symbol, None))
        box.put(Event("signals", symbol, None))
    assert (len(box), len(conflated)) == (2, 3)
    assert len(await box.take(1)) == 2
    assert await box.take(0.01) == []
