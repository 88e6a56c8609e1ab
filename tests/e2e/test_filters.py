"""Filters on real Kafka: dirty ticks in, reasons out, listed, and put back where they are then believed."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.headers import header
from streams.quality.file import load_filters
from tests.e2e.offline import Offline
from tests.e2e.world import World, by_id

STRICT = """
allow = ["A", "B"]
[default]
future_max_ms = 60_000
reject_duplicates = true
reject_crossed = true
reject_zero_sided = true
conditions_deny = ["odd-lot"]
price_max = 500
trade_jump_max_bps = 500
jump_rearm_ticks = 3
[symbols.B]
price_max = 5_000
"""
EASY = STRICT.replace('["A", "B"]', '["A", "B", "NEW"]').replace("price_max = 500\n", "price_max = 50_000\n")
PARTITIONS = 4


def dirty(now_ns: int) -> list[tuple[dict[str, Any], str]]:
    """Ticks, all within a second, and what is said of each; empty for one that is believed."""

    def of(symbol: str, reason: str, **body: Any) -> tuple[dict[str, Any], str]:
        return {"symbol": symbol, "ts_ns": now_ns, **body}, reason

    return [
        of("A", "", price=100.0, seq=1),
        of("A", "", price=100.0),
        of("A", "duplicate", price=100.0, seq=1),
        of("A", "future", price=100.0, ts_ns=now_ns + 3_600_000_000_000),
        of("A", "crossed", bid=100.2, ask=100.1, seq=1),
        of("A", "zero-sided", bid=100.1, ask=100.2, bid_size=0, ask_size=5, seq=2),
        of("A", "", price=100.1, bid=100.2, ask=100.1, seq=2),
        of("A", "condition", price=90.0, conditions=["odd-lot"]),
        of("A", "price-range", price=600.0),
        of("B", "", price=600.0),
        of("NEW", "not-allowed", price=10.0),
        of("NEW", "not-allowed", price=10.1),
        *(of("A", "jump", price=79.0 + i / 10) for i in range(2)),
        of("A", "", price=79.2),
        of("A", "", price=79.3),
        of("A", "late", price=79.3, ts_ns=now_ns - 6_000_000_000),
    ]


async def test_dirty_ticks_are_rejected_listed_and_put_back(make_world: Callable[..., World], tmp_path: Path) -> None:
    file = tmp_path / "filters.toml"
    file.write_text(STRICT)
    world = make_world(partitions=PARTITIONS, HAYATE_FILTERS=str(file), HAYATE_FEATURE_SET="classics")
    worker = world.start_worker()
    await worker.ready()
    sent = dirty(time.time_ns())
    await world.produce((body["symbol"], json.dumps(body).encode()) for body, _ in sent)
    bad = sorted(reason for _, reason in sent if reason)
    rejected = await world.read("ticks-rejected", len(bad), worker=worker)
    assert sorted((header(record.headers, "reason") or b"").decode() for record in rejected) == bad
    log = await world.read("ticks", len(sent))
    expected = Offline("classics", PARTITIONS, load_filters(str(file))).fold(log)
    assert sorted(expected.rejected.values()) == bad
    assert by_id(await world.read("features", len(sent) - len(bad), worker=worker)) == expected.features
    assert worker.metric("hayate_ticks_rejected_total") == len(bad)

    listed = json.loads(world.faust("rejected", "--json", "--limit", "100").stdout)
    assert listed["by_reason"] == {reason: bad.count(reason) for reason in listed["by_reason"]}
    assert sum(listed["by_reason"].values()) == listed["total"] == len(listed["records"]) == len(bad)
    some = world.faust("rejected", "--reason", "jump", "--symbol", "A*", "--since", "10m", "--limit", "1").stdout
    assert f"2 of {len(bad)} rejected records" in some
    assert "trade_jump_max_bps is 500" in some

    # The operator sees that the rules were wrong, mends them, and puts back what they cost.
    assert worker.stop() == 0
    file.write_text(EASY)
    worker = world.start_worker()
    await worker.ready()
    which = ("--reason", "not-allowed", "--reason", "price-range")
    would = world.faust("requeue", *which)
    assert "put 3 records back" in would.stdout, would.stderr
    assert "do it with --yes" in would.stdout
    assert len(await world.read("ticks", len(sent))) == len(sent), "nothing yet"
    done = world.faust("requeue", *which, "--yes")
    assert done.stdout.startswith("done:"), done.stderr
    twice = world.faust("requeue", *which, "--yes")
    assert "leave out 3 that were put back before" in twice.stdout
    log = await world.read("ticks", len(sent) + 3)
    assert len(log) == len(sent) + 3
    back = [record for record in log if header(record.headers, "requeued") is not None]
    assert sorted(json.loads(record.value)["price"] for record in back) == [10.0, 10.1, 600.0]
    features = by_id(await world.read("features", len(expected.features) + 2, worker=worker))
    new = [json.loads(value) for id_, value in features.items() if id_ not in expected.features]
    assert sorted((each["symbol"], each["price"]) for each in new) == [("NEW", 10.0), ("NEW", 10.1)]
    again = await world.read("ticks-rejected", len(bad) + 1, worker=worker)
    (judged,) = [record for record in again if header(record.headers, "original.requeued") is not None]
    assert header(judged.headers, "reason") == b"jump", "a price in range now, and judged anew"
    assert worker.stop() == 0


def test_bad_files_and_questions_end_in_one_line(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world(partitions=1)
    file = tmp_path / "filters.toml"
    file.write_text("[default]\nprice_mix = 1\n")
    for arguments, more, says in (
        (("worker",), {"HAYATE_FILTERS": str(file)}, "unknown key 'default.price_mix'; did you mean"),
        (("requeue", "--yes"), {}, "requeue: of everything? select by --reason"),
        (("rejected", "--since", "now"), {}, "--since now: not an RFC 3339 time"),
        (("rejected",), {"HAYATE_TOPIC_PREFIX": "nowhere-"}, "missing on kafka://"),
    ):
        done = world.faust(*arguments, **more)
        assert done.returncode == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr
