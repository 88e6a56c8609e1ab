"""Ten minutes of a real market at ten times its pace, from a socket to features. Skips where the data are absent."""

import asyncio
import gzip
import heapq
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.records import Tick
from tests.e2e.world import CHECKOUT, DEADLINE_S, World, by_id, without_marks
from tests.market_data import folder
from tests.streams.feeds.ws_server import FrameServer

SPEED = 10
SYMBOLS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}
FLAT = 1.25
"""What memory may have grown by between the first quarter and the end, as a ratio."""


class Frame(NamedTuple):
    """A line of the recording."""

    received_ns: int
    text: str


class Event(NamedTuple):
    """What a frame must become."""

    price: float | None
    size: float
    bid: float | None
    ask: float | None
    side: str | None


def lines(path: Path) -> Iterator[Frame]:
    """The frames of one file, in order."""
    with gzip.open(path, "rt") as file:
        for line in file:
            received, _, text = line.rstrip("\n").partition(" ")
            yield Frame(int(received), text)


def parse(frame: Frame) -> tuple[str, Event] | None:
    """An independent reading of a frame."""
    message = json.loads(frame.text)
    stream, data = message.get("stream", ""), message.get("data", {})
    if stream.endswith("@trade"):
        side = "sell" if data["m"] else "buy"
        return SYMBOLS[data["s"]], Event(float(data["p"]), float(data["q"]), None, None, side)
    if stream.endswith("@bookTicker"):
        return SYMBOLS[data["s"]], Event(None, 0.0, float(data["b"]), float(data["a"]), None)
    return None


def resident(pid: int) -> int:
    """Memory of a process in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


async def test_nothing_lost_order_kept_memory_flat(make_world: Callable[..., World]) -> None:
    """Every trade and quote of the recording, in its order, as ticks and as features."""
    data = folder("binance_spot_ws")
    frames = list(
        heapq.merge(
            *(lines(data / f"{name}_20240808.gz") for name in ("btcusdt", "ethusdt")),
            key=lambda frame: frame.received_ns,
        )
    )
    frames += heapq.merge(
        *(lines(data / f"{name}_20240809.gz") for name in ("btcusdt", "ethusdt")), key=lambda frame: frame.received_ns
    )
    expected: dict[str, list[Event]] = defaultdict(list)
    for frame in frames:
        if (parsed := parse(frame)) is not None:
            expected[parsed[0]].append(parsed[1])
    total = sum(map(len, expected.values()))
    # The trades carry the time of the recording, the quotes that of their receipt here.
    world = make_world(partitions=4, HAYATE_LATE="fold", HAYATE_FEATURE_SET="classics")
    worker = world.start_worker()
    await worker.ready()
    began_s = 0.0

    def pause_s(number: int) -> float:
        nonlocal began_s
        now_s = asyncio.get_running_loop().time()
        began_s = began_s or now_s
        due_s = began_s + (frames[number].received_ns - frames[0].received_ns) / 1e9 / SPEED
        return due_s - now_s if due_s - now_s > 0.002 else 0.0

    async with FrameServer([frame.text for frame in frames], pause_s=pause_s) as server:
        command = [
            sys.executable,
            "-m",
            "faust",
            "-A",
            "app",
            "feed",
            "binance",
            *SYMBOLS.values(),
            "--url",
            server.url,
        ]
        with (world.folder / "feed.log").open("w") as log:
            feed = subprocess.Popen(command, env=world.env(), cwd=CHECKOUT, stdout=log, stderr=log)  # noqa: ASYNC220
        try:
            memory: list[tuple[int, int]] = []
            while not server.done.is_set():
                if feed.poll() is not None:
                    raise AssertionError((world.folder / "feed.log").read_text())
                await asyncio.sleep(0.5)
                if server.position > len(frames) // 4:
                    memory.append((resident(feed.pid), resident(worker.process.pid)))
            ticks = without_marks(await world.read("ticks", total))
            feed.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(feed.wait, DEADLINE_S) == 0
        finally:
            feed.kill()
            feed.wait()
        assert server.connections == 1
    account = (world.folder / "feed.log").read_text()
    print(account, os.getloadavg(), memory[:: max(1, len(memory) // 8)])
    assert "unreadable" not in account
    assert f"{total} sent, {total} acknowledged" in account

    found: dict[str, list[Event]] = defaultdict(list)
    for record in sorted(ticks, key=lambda record: (record.partition, record.offset)):
        tick = msgspec.json.decode(record.value, type=Tick)
        found[tick.symbol].append(Event(tick.price, tick.size, tick.bid, tick.ask, tick.side))
    assert found == expected
    features = by_id(await world.read("features", total, worker=worker))
    assert len(features) == total
    order: dict[str, list[int]] = defaultdict(list)
    for record in await world.read("features", total, worker=worker):
        order[record.key.decode()].append(int(msgspec.json.decode(record.value)["id"].rsplit("-", 1)[1]))
    assert all(offsets == sorted(offsets) for offsets in order.values())
    assert {symbol: len(offsets) for symbol, offsets in order.items()} == {s: len(e) for s, e in expected.items()}
    for which in (0, 1):
        assert memory[-1][which] < FLAT * memory[0][which], memory
    assert worker.stop() == 0
