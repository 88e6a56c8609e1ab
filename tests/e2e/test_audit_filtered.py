"""The audit beside a worker whose ticks are filtered, up to the log's end and following, over a real Kafka."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tests.e2e.world import CHECKOUT, DEADLINE_S, Worker, World, free_port, until

FILTERS = """
[default]
future_max_ms = 3_600_000
reject_duplicates = true
reject_crossed = true
reject_zero_sided = true
spread_max_bps = 200
conditions_deny = ["block"]
trade_jump_max_bps = 300
quote_jump_max_bps = 100
jump_rearm_ticks = 3
"""
PARTITIONS = 2
SYMBOLS = ("A", "B", "C")


def dirty(seed: int, ticks: int) -> Iterator[tuple[str, bytes]]:
    """A random walk with all that the filters look for, each tick a millisecond after the one before."""
    rng, prices, seq = random.Random(seed), dict.fromkeys(SYMBOLS, 100.0), seed * 100_000
    begin = time.time_ns()
    for i in range(ticks):
        symbol = rng.choice(SYMBOLS)
        prices[symbol] *= 1 + rng.gauss(0, 0.0003) + (rng.random() < 0.005) * 0.05
        price = prices[symbol] * (1 + (rng.random() < 0.03) * 0.1)
        middle = prices[symbol] * (1 + (rng.random() < 0.05) * rng.choice([-0.02, 0.02]))
        seq += rng.random() < 0.95
        body: dict[str, Any] = {"symbol": symbol, "ts_ns": begin + i * 1_000_000, "seq": seq}
        if rng.random() < 0.7:
            body |= {"price": price, "size": rng.choice([0, 1, 5])}
        if rng.random() < 0.7 or "price" not in body:
            half = middle * rng.choice([0.0001, 0.0002, -0.0001, 0.02])
            body |= {"bid": middle - half, "ask": middle + half, "bid_size": rng.choice([0, 3, 3, 3]), "ask_size": 2}
        if rng.random() < 0.02:
            body["conditions"] = ["block"]
        yield symbol, json.dumps(body).encode()


async def test_with_filters_everything_is_as_defined_up_to_the_end_and_following(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    file = tmp_path / "filters.toml"
    file.write_text(FILTERS)
    world = make_world(partitions=PARTITIONS, HAYATE_FILTERS=str(file))
    worker = world.start_worker()
    await worker.ready()
    await world.produce(dirty(1, 3_000))
    await until(lambda: served(worker) == 3_000, "all are served or rejected", worker)
    assert worker.metric("hayate_ticks_rejected_total") > 300
    await until(lambda: worker.metric("hayate_quotes_left_out_total") > 300, "they are counted with the rows", worker)
    whole = await asyncio.to_thread(world.faust, "audit", "--symbols", "A,B,C", "--share", "1")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "everything is as defined" in whole.stdout

    port, said = free_port(), tmp_path / "following.txt"
    options = ("--sample", "3", "--turn", "4", "--share", "1", "--metrics-port", str(port))
    following = follow(world, said, *options)
    coming = asyncio.create_task(keep_coming(world))
    try:
        await until(lambda: audited(port) > 500, "ticks that came meanwhile are audited", worker)
        taken = await asyncio.to_thread(world.faust, "audit", "--follow", "--metrics-port", str(port))
        assert taken.returncode == 1
        assert f"--metrics-port {port}: Address already in use; name a port that is free" in taken.stderr
        await until(lambda: said.read_text().count("everything is as defined") >= 2, "two turns are over")
        coming.cancel()
        await until(lambda: "hayate_audit_lag_records{" in page(port), "lag is measured")
        await until(lambda: metric(port, "hayate_audit_lag_records") == 0, "it has come to the end", worker)
        assert metric(port, "hayate_audit_symbols") == len(SYMBOLS)
        assert metric(port, "hayate_audit_differences_total") == 0
    finally:
        coming.cancel()
        following.terminate()
        ended = await asyncio.to_thread(following.wait, DEADLINE_S)
    assert ended == 0, said.read_text()
    assert "Traceback" not in said.read_text()
    assert worker.stop() == 0


async def keep_coming(world: World) -> None:
    """Some ticks after the others."""
    for seed in count(2):
        await world.produce(dirty(seed, 200))
        await asyncio.sleep(0.1)


def follow(world: World, said: Path, *options: str) -> "subprocess.Popen[bytes]":
    """`audit --follow` beside the worker; what it says goes to a file."""
    command = [sys.executable, "-u", "-m", "faust", "-A", "app", "audit", "--follow", *options]
    with said.open("wb") as out:
        return subprocess.Popen(command, env=world.env(), cwd=CHECKOUT, stdout=out, stderr=subprocess.STDOUT)


def served(worker: Worker) -> float:
    """Ticks that are through, one way or the other."""
    return worker.metric("hayate_features_total") + worker.metric("hayate_ticks_rejected_total")


def audited(port: int) -> float:
    """Records that were compared."""
    return metric(port, "hayate_audit_records_total")


def metric(port: int, name: str) -> float:
    """Sum over its labels; 0 while nobody answers."""
    lines = [line for line in page(port).splitlines() if line.partition("{")[0].split(" ")[0] == name]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def page(port: int) -> str:
    """All of them, empty while nobody answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (URLError, OSError):
        return ""
