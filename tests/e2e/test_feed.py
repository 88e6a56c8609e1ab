"""The command `feed` as a person runs it: a venue on this machine, real Kafka, a real worker, features out."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deploy.local import Endpoints
from streams.headers import header
from streams.marks import CLOCK_KIND, GAP_KIND, REFERENCE_KIND, ClockMark, GapMark
from streams.records import KIND, Tick
from tests.e2e.world import CHECKOUT, DEADLINE_S, World, free_port, until, without_marks
from tests.streams.feeds.ws_server import Cut, FrameServer, market

SYMBOLS = ("A", "B/C", "D.E")
TICKS = 600
MAPPING = """
name = "local"
url = "ws://127.0.0.1:1"
subscribe = ['{"op": "subscribe", "symbol": "{symbol}", "key": "{key}"}']
quiet_s = 30
[headers]
X-Key = { env = "HAYATE_FEED_KEY" }
[[message]]
match = { type = "trade" }
symbol = "s"
price = "p"
size = "q"
seq = "i"
contiguous = true
[[message]]
match = { type = "end" }
kind = "end"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """A mapping file; the time is that of the receipt."""
    path = tmp_path / "local.toml"
    path.write_text(MAPPING)
    return path


def start(world: World, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "faust", "-A", "app", "feed", *arguments],
        env=world.env(**more),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_from_a_socket_to_features(make_world: Callable[..., World], mapping: Path) -> None:
    """Cut once on the way; SIGTERM ends it in order with its account, and no secret is anywhere."""
    world = make_world(partitions=4)
    worker = world.start_worker()
    await worker.ready()
    port = free_port()
    cuts = [Cut(200, "close", 10)]
    async with FrameServer(market(TICKS, SYMBOLS, 3), cuts, pause_s=lambda n: 0.01 if n % 5 == 0 else 0.0) as server:
        options = ("--url", server.url, "--reference", "A", "--metrics-port", str(port))
        feed = start(world, f"json:{mapping}", *SYMBOLS, *options, HAYATE_FEED_KEY="k-hidden")
        try:
            await asyncio.wait_for(server.done.wait(), DEADLINE_S)
            ticks = without_marks(await world.read("ticks", TICKS - 10))
            shown = await asyncio.to_thread(scrape, port)
            feed.send_signal(signal.SIGTERM)
            out, err = await asyncio.to_thread(feed.communicate, timeout=DEADLINE_S)
        finally:
            feed.kill()
            feed.wait()
        assert [json.loads(text)["key"] for text in server.said] == ["k-hidden"] * 6
        assert server.headers[0]["X-Key"] == "k-hidden"
    assert feed.returncode == 0, err
    found = re.search(
        r"^local: 591 frames, 590 trades, 0 quotes, 1 other messages \(end 1\), 1 connections lost \(closed 1\), "
        r"(\d+) gap marks \(sequence (\d), start 3\), 590 sent, 590 acknowledged, 0 queued, "
        r"lag mean [\d.]+ ms, max [\d.]+ ms, not connected$",
        out,
        re.MULTILINE,
    )
    assert found, out
    assert re.fullmatch(r"local: the connection ended \(1001 going away\); connecting again in [\d.]+ s\n", err), err
    assert "hidden" not in out + err + shown
    assert 'hayate_feed_ticks_total{kind="trade",venue="local"} 590.0' in shown
    assert 'hayate_feed_reconnects_total{reason="closed",venue="local"} 1.0' in shown
    assert "hayate_feed_connected" in shown
    assert 'hayate_feed_lag_seconds_count{venue="local"} 590.0' in shown

    assert len(ticks) == TICKS - 10
    log = await world.read("ticks", TICKS)
    kinds = [header(record.headers, KIND) for record in log]
    gaps = [msgspec.json.decode(r.value, type=GapMark) for r in log if header(r.headers, KIND) == GAP_KIND]
    assert sorted(gap.symbol for gap in gaps if gap.reason == "start") == sorted(SYMBOLS)
    assert sum(gap.reason == "sequence" for gap in gaps) == int(found[2])
    copies = [r for r in log if header(r.headers, KIND) == REFERENCE_KIND]
    originals = [r for r in ticks if r.key == b"A"]
    assert len(copies) == world.partitions * len(originals)
    for place in range(world.partitions):
        assert [r.value for r in copies if r.partition == place] == [r.value for r in originals]
        marks = [
            msgspec.json.decode(r.value, type=ClockMark)
            for r in log
            if r.partition == place and header(r.headers, KIND) == CLOCK_KIND
        ]
        assert len(marks) == kinds.count(CLOCK_KIND) // world.partitions
        times = [mark.ts_ns for mark in marks]
        assert times == sorted(times)
        assert {mark.clock for mark in marks} <= {"local"}
    decoded = [msgspec.json.decode(r.value, type=Tick) for r in ticks]
    assert {(t.venue, t.clock) for t in decoded} == {("local", "local")}

    await until(lambda: worker.metric("hayate_features_total") == TICKS - 10, "features are out", worker)
    assert await world.check(worker) == TICKS - 10
    assert worker.metric("hayate_gaps_total") == len(gaps)
    assert worker.stop() == 0


def scrape(port: int) -> str:
    """The metrics of the feed."""
    from urllib.request import urlopen  # noqa: PLC0415 - here alone

    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_what_cannot_be_is_one_line(services: Endpoints, topic_prefix: str, tmp_path: Path, mapping: Path) -> None:
    """No name, no venue, no symbol, no mapping, no topics: the value and the remedy, and no traceback."""
    world = World(services, topic_prefix, tmp_path, partitions=2)
    for arguments, words in (
        ((), "no venue: name one, see `faust -A app feed --list`"),
        (("nowhere", "A"), "no such venue"),
        ((f"json:{mapping}",), "no symbol: name one or more"),
        ((f"json:{tmp_path}/none.toml", "A"), "No such file"),
        (("json:", "A"), "nothing after the colon"),
        ((f"json:{mapping}", "A"), "HAYATE_FEED_KEY, which is not set"),
        ((f"json:{mapping}", "A", "--no-quotes", "--no-trades"), "leave nothing"),
        ((f"json:{mapping}", "A", "--reference", "A:B"), "--reference 'A:B'"),
        ((f"json:{mapping}", "A", "--give-up-after", "0"), "--give-up-after 0"),
    ):
        done = world.faust("feed", *arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("hayate: "), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert words in done.stderr
    absent = world.faust("feed", f"json:{mapping}", "A", HAYATE_FEED_KEY="k")
    assert "create the topics with `faust -A app topics`" in absent.stderr
    listed = world.faust("feed", "--list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert {"binance", "kabu"} <= set(listed.stdout.splitlines())


def test_it_gives_up_when_told_to(make_world: Callable[..., World], mapping: Path) -> None:
    """Nobody listens there."""
    world = make_world(partitions=2)
    url = f"ws://127.0.0.1:{free_port()}"
    done = world.faust("feed", f"json:{mapping}", "A", "--url", url, "--give-up-after", "1", HAYATE_FEED_KEY="k")
    assert done.returncode == 1
    assert re.search(r"hayate: local: nothing received for \d s \(last: local: ws://127.0.0.1:\d+: ", done.stderr)
