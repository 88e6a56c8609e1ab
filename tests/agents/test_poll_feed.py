"""`faust -A app feed poll:...` as a process: a document of a local server into a real Kafka, until SIGTERM."""

import asyncio
import signal
import subprocess
import sys
from asyncio import timeout
from pathlib import Path

import msgspec
from aiohttp import web

from deploy.local import Endpoints
from streams.records import Tick
from tests.e2e.world import CHECKOUT, DEADLINE_S, World, without_marks

MAPPING = """
name = "dex"
url = "{url}/trades?market={{symbol}}"
interval_s = 0.05
[[items]]
each = "data"
price = "p"
seq = "i"
time = "t"
time_unit = "ms"
history = true
"""
COUNT = 50


async def test_what_a_server_offers_is_in_kafka_once(services: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Each answer has one trade more and the last five; every tenth is an error."""
    world = World(services, topic_prefix, tmp_path, partitions=2)
    await asyncio.to_thread(world.create_topics)
    asked = 0
    all_offered = asyncio.Event()

    async def trades(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked % 10 == 0:
            return web.Response(status=503)
        newest = min(asked, COUNT)
        if asked > COUNT + 1:
            all_offered.set()
        items = [{"i": n, "p": 100 + n, "t": 1_700_000_000_000 + n} for n in range(max(newest - 4, 1), newest + 1)]
        return web.json_response({"data": items[::-1]})

    app = web.Application()
    app.router.add_get("/trades", trades)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = tmp_path / "dex.toml"
    path.write_text(MAPPING.format(url=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    process = subprocess.Popen(  # noqa: ASYNC220 - the start takes no time that matters here
        [sys.executable, "-m", "faust", "-A", "app", "feed", f"poll:{path}", "A/B"],
        env=world.env(HAYATE_FEED_RECONNECT_MAX_S="0.1"),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        async with timeout(DEADLINE_S):
            await all_offered.wait()
        process.send_signal(signal.SIGTERM)
        said, err = await asyncio.to_thread(process.communicate, timeout=DEADLINE_S)
    finally:
        process.kill()
        await runner.cleanup()
    assert process.returncode == 0, err
    assert f"{COUNT} trades" in said
    records = without_marks(await world.read("ticks", COUNT))
    assert [msgspec.json.decode(record.value, type=Tick).seq for record in records] == list(range(1, COUNT + 1))
    assert {record.key for record in records} == {b"A/B"}
