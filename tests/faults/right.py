"""What a run leaves behind in which nothing happened, made without Kafka: for tests of what judges runs."""

from collections.abc import Iterable
from itertools import islice

import msgspec
from aiokafka import ConsumerRecord

from streams.records import PART, PREVIOUS, SOURCE
from tables.indicator_state import HEADER
from tests.e2e.offline import Offline
from tests.faults.checker import wanted_rows
from tests.faults.evidence import Entry, Evidence, Truth
from tests.faults.load import Made, closing_tick, ticks

TOPIC = "ticks"
PARTITIONS = 4
SYMBOLS = 60
ROW_EVERY = 7
"""Ticks between two rows in the changelog."""


def right(seed: int, count: int) -> tuple[Evidence, Truth]:
    """`count` ticks and the closing ones, and everything that follows from them, once and in order."""
    last = [closing_tick(one, PARTITIONS) for one in range(SYMBOLS)]
    log = _log([*islice(ticks(seed, SYMBOLS, PARTITIONS), count), *last])
    offline = Offline(partitions=PARTITIONS)
    records = [_consumer_record(entry) for entry in log]
    places = {(tick.partition, (tick.key or b"").decode(), tick.offset) for tick in log[::ROW_EVERY]}
    outcome = offline.fold(records, places)
    signals = offline.signals(outcome.features)
    features = _outputs([(tick, outcome.features[id_], ()) for tick in log if (id_ := _id(tick)) in outcome.features])
    # Beside each feature record its tick's id: they are in the same order.
    decided = [
        (feature, signals[id_], ()) for feature, id_ in zip(features, _ids_of(log, outcome.features), strict=True)
    ]
    rejected = [
        (tick, tick.value, _rejection_headers(tick, outcome.rejected[id_]))
        for tick in log
        if (id_ := _id(tick)) in outcome.rejected
    ]
    by_source = sorted(outcome.bars.items(), key=lambda item: (item[1].partition, item[1].source))
    bars = [
        (Entry(bar.partition, bar.source, bar.symbol.encode(), None), bar.value, ((PART, id_.encode()),))
        for id_, bar in by_source
    ]
    rows_at = outcome.rows_at | {(p, s, HEADER.unpack_from(row)[1]): row for (p, s), row in outcome.rows.items()}
    in_order = sorted(rows_at.items(), key=lambda item: (item[0][0], item[0][2]))
    changelog = [Entry(p, -1, symbol.encode(), row) for (p, symbol, _), row in in_order]
    evidence = Evidence(
        topic=TOPIC,
        ticks=log,
        acknowledged={(tick.partition, tick.offset): tick.value for tick in log},
        features=features,
        signals=_outputs(decided),
        rejected=_outputs(rejected),
        bars=_outputs(bars),
        changelog=_numbered(changelog),
        latest=dict(_latest(outcome.features.values())),
        stores={"one": dict(outcome.rows)},
        final_store="one",
    )
    truth = Truth(outcome.features, signals, outcome.rejected, outcome.bars, outcome.rows, rows_at)
    assert wanted_rows(evidence) == rows_at.keys()
    return evidence, truth


def _log(made: Iterable[Made]) -> list[Entry]:
    return _numbered([Entry(tick.partition, -1, tick.key, tick.value, tick.headers) for tick in made])


def _numbered(entries: Iterable[Entry]) -> list[Entry]:
    ends = [0] * PARTITIONS
    numbered: list[Entry] = []
    for entry in entries:
        numbered.append(entry._replace(offset=ends[entry.partition], ts_ms=len(numbered)))
        ends[entry.partition] += 1
    return numbered


def _outputs(made: Iterable[tuple[Entry, bytes | None, tuple[tuple[str, bytes], ...]]]) -> list[Entry]:
    previous = [-1] * PARTITIONS
    entries = []
    for source, value, headers in made:
        chain = [(SOURCE, b"%d" % source.offset), (PREVIOUS, b"%d" % previous[source.partition])]
        previous[source.partition] = source.offset
        entries.append(Entry(source.partition, -1, source.key, value, [*chain, *headers]))
    return _numbered(entries)


def _consumer_record(entry: Entry) -> ConsumerRecord:
    size = len(entry.value or b"")
    return ConsumerRecord(
        TOPIC, entry.partition, entry.offset, entry.ts_ms, 1, entry.key, entry.value, None, 0, size, entry.headers
    )


def _id(tick: Entry) -> str:
    return f"{TOPIC}-{tick.partition}-{tick.offset}"


def _ids_of(log: Iterable[Entry], among: Iterable[str]) -> list[str]:
    kept = set(among)
    return [_id(tick) for tick in log if _id(tick) in kept]


def _rejection_headers(tick: Entry, reason: str) -> tuple[tuple[str, bytes], ...]:
    place = (("topic", TOPIC.encode()), ("partition", b"%d" % tick.partition), ("offset", b"%d" % tick.offset))
    return (("reason", reason.encode()), *place)


def _latest(features: Iterable[bytes]) -> Iterable[tuple[str, dict[str, str]]]:
    """In log order of each symbol, so that the last one stays."""
    for each in sorted(map(msgspec.json.decode, features), key=lambda f: int(f["id"].rsplit("-", 1)[1])):
        values = {name: repr(value) for name, value in each["values"].items() if value is not None}
        yield each["symbol"], {"id": each["id"], **values}
