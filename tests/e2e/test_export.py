"""A training set holds what was served: ticks through a real worker, exported, against an offline recomputation."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from streams.feature_set import FeatureSet
from tests.e2e.offline import Offline
from tests.e2e.world import World

TICKS = 2_000


async def test_exported_rows_are_the_offline_engine_s(make_world: Callable[..., World], tmp_path: Path) -> None:
    """Bit for bit, each once, ordered; labels of the mid beside them; and the same rows in CSV."""
    world = make_world(partitions=4)
    worker = world.start_worker()
    await worker.ready()
    done = world.faust("simulate", "--symbols", "5", "--rate", "4000", "--count", str(TICKS))
    assert done.returncode == 0, done.stderr
    features = await world.read("features", TICKS, worker=worker)
    assert worker.stop() == 0
    expected = Offline(partitions=4).features(await world.read("ticks", TICKS))

    out = tmp_path / "features.parquet"
    done = world.faust("export", "--out", str(out), "--labels", "horizon=100ms,dead_band_bps=0.1")
    assert done.returncode == 0, done.stderr
    version = FeatureSet.load("default").version
    assert f"{TICKS:,} rows of 5 symbols, feature set {version}, written to {out}" in done.stdout
    rows = pq.read_table(out).to_pylist()
    outputs = FeatureSet.load("default").outputs
    assert {row["id"]: as_record(row, outputs) for row in rows} == {
        id_: msgspec.json.decode(value) for id_, value in expected.items()
    }
    places = [(row["symbol"], int(row["id"].rsplit("-", 1)[1])) for row in rows]
    assert places == sorted(places)
    assert {row["known_ns"] for row in rows} == {record.timestamp * 1_000_000 for record in features}
    given = [row["label"] for row in rows if row["label"] is not None]
    assert len(given) > TICKS / 2
    assert set(given) == {-1, 0, 1}

    middle = sorted(row["known_ns"] for row in rows)[TICKS // 2]
    table = tmp_path / "features.csv"
    done = world.faust("export", "--out", str(table), "--as-known-at", rfc3339(middle))
    assert done.returncode == 0, done.stderr
    with table.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    known = [row for row in rows if row["known_ns"] <= middle]
    assert [row["id"] for row in found] == [row["id"] for row in known]
    assert [[row[name] for name in outputs] for row in found] == [
        ["" if row[name] is None else repr(row[name]) for name in outputs] for row in known
    ]

    refused = world.faust("export", "--out", str(out), "--from", "2031-01-01", "--to", "2032-01-01")
    assert refused.returncode == 1
    assert "is in the range" in refused.stderr


def as_record(row: dict[str, Any], outputs: Any) -> dict[str, Any]:
    """The feature record of a row."""
    return {name: row[name] for name in ("id", "symbol", "ts_ns", "schema", "status", "price")} | {
        "values": {name: row[name] for name in outputs},
        "flags": msgspec.json.decode(row["flags"]),
    }


def rfc3339(ns: int) -> str:
    """A moment as the command takes it."""
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ns % 10**9:09}Z"
