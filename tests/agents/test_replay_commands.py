"""`replay` and `warm` as the documentation writes them, against a real Kafka."""

import asyncio
import gzip
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agents.replay_commands import mapping_of, parse_pause
from deploy.local import Endpoints
from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.event_times import TimeFormat
from streams.records import KIND
from tests.e2e.world import World
from tests.streams.feeds.test_feed_docs import block

NINE_NS = 1_742_169_600_000_000_000


def options(**given: Any) -> dict[str, Any]:
    return {"mapping": None, "columns": None, "date": None, "zone": None} | given


def test_options_make_a_mapping_and_win_over_its_file(tmp_path: Path) -> None:
    assert mapping_of(options()) == ColumnMapping()
    path = tmp_path / "m.toml"
    path.write_text("[columns]\nprice = 'a'\nts = 't'\n[time]\nzone = 'UTC'\n")
    rest = options(mapping=path, columns="price=b", zone="Asia/Tokyo", limit=5)
    made = mapping_of(rest)
    assert (made.columns, made.time) == ({"price": "b", "ts": "t"}, TimeFormat(zone="Asia/Tokyo"))
    assert rest == {"limit": 5}


@pytest.mark.parametrize(("text", "pause"), [("2.5", 2.5), ("inf", float("inf"))])
def test_pauses(text: str, pause: float) -> None:
    assert parse_pause(text) == pause


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "long"])
def test_bad_pauses_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--max-pause {text}: give a number of seconds above 0, or inf")):
        parse_pause(text)


@pytest.fixture
def world(services: Endpoints, topic_prefix: str, tmp_path: Path) -> World:
    made = World(services, topic_prefix, tmp_path, partitions=2)
    made.create_topics()
    return made


def files_of_the_example(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    times = pyarrow.array([NINE_NS, NINE_NS + 5], pyarrow.timestamp("ns", "UTC"))
    parquet.write_table(
        pyarrow.table({"symbol": ["P", "P"], "ts": times, "price": [1.5, 2.5]}), folder / "ticks.parquet"
    )
    (folder / "btc.csv").write_text("Time,Price,Qty\n2025-03-17 00:00:00,61000.5,2\n2025-03-17 00:00:01,61000.6,1\n")
    (folder / "tse.toml").write_text(block("Files", "toml"))
    for symbol in ("7203", "8306"):
        (folder / f"20250317_{symbol}.csv").write_text("Time,Price\n09:00:00,5\n15:30:00,6\n")
    lines = f'{{"symbol":"W","ts_ns":{NINE_NS},"price":1}}\n{{\n'
    (folder / "history.jsonl.gz").write_bytes(gzip.compress(lines.encode()))


async def test_the_examples_as_pasted(world: World, tmp_path: Path) -> None:
    """Each line of the documentation's block, in a folder with such files: what it prints, and what is in Kafka."""
    files_of_the_example(tmp_path)
    lines = [shlex.split(line) for line in block("Files", "sh").splitlines()]
    assert [line[3] for line in lines] == ["replay", "replay", "replay", "warm"]
    said = []
    for line in lines:
        words = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in line[3:]]
        done: subprocess.CompletedProcess[str] = await asyncio.to_thread(world.faust, *words)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert [int(text.partition(" ")[0]) for text in said] == [2, 2, 20, 1]
    assert "1 bad lines skipped" in said[3]
    records = [record for record in await world.read("ticks", 25) if record.key is not None]
    assert len(records) == 25
    of = {
        symbol: [record for record in records if record.key == symbol]
        for symbol in (b"P", b"BTC/USDT", b"7203", b"8306", b"W")
    }
    assert [len(found) for found in of.values()] == [2, 2, 10, 10, 1]
    assert dict(of[b"W"][0].headers)[KIND] == b"warm"
