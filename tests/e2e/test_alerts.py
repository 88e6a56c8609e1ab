"""Alerts of a real worker, a restart in between, listed by the command, beside a record that the audit could write."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable

from tests.e2e.world import World

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def tick(i: int, at_s: int) -> tuple[str, bytes]:
    symbol = f"S{i % 4}"
    return symbol, json.dumps({"symbol": symbol, "ts_ns": START + at_s * SECOND, "price": 100 + i % 7}).encode()


async def test_alerts_are_written_once_and_listed(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.create_topics()
    worker = world.start_worker()
    await worker.ready()
    await world.produce(tick(i, i) for i in range(40))
    await world.produce(tick(i, 200 + i) for i in range(4))
    await world.read("alerts", 4, worker=worker)
    assert worker.stop() == 0
    async with world.producer() as producer:
        foreign = {"id": "x|audit-value", "kind": "audit-value", "symbol": "S0", "ts_ns": 1, "severity": "error"}
        value = json.dumps({**foreign, "message": "words", "numbers": {}}).encode()
        for partition in range(world.partitions):
            await producer.send_and_wait(f"{world.prefix}alerts", value, key=b"S0", partition=partition)
    worker = world.start_worker()
    await worker.ready()
    await world.produce(tick(i, 300 + i) for i in range(4))
    await world.read("signals", 48, worker=worker)
    listed = json.loads(world.faust("alerts", "--json").stdout)
    # What it remembers is in memory: after the restart it does not know how long a symbol was silent.
    assert listed["by_kind"].pop("audit-value") == 1
    assert set(listed["by_kind"]) == {"stale-feed"}
    assert listed["by_kind"]["stale-feed"] == 4
    shown = world.faust("alerts", "--kind", "stale-*", "--symbol", "S1", "--limit", "1").stdout
    assert "S1: no tick for" in shown


async def test_followed_they_are_shown_as_they_come(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.create_topics()
    following = world.feed("alerts", "--follow", "--json", stdout=subprocess.PIPE)
    try:
        worker = world.start_worker()
        await worker.ready()
        await world.produce(tick(i, i) for i in range(40))
        await world.produce(tick(i, 200 + i) for i in range(4))
        assert following.stdout is not None
        shown = [json.loads(await asyncio.to_thread(following.stdout.readline)) for _ in range(4)]
        assert {(each["kind"], each["symbol"]) for each in shown} == {("stale-feed", f"S{i}") for i in range(4)}
        following.send_signal(signal.SIGINT)
        rest, _ = await asyncio.to_thread(following.communicate, timeout=30)
    finally:
        following.kill()
    assert (rest.strip(), following.returncode) == (b"", 0)
