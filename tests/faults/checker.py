"""The checker: everything that a run left behind, against what the same ticks give offline. Pure, no I/O.

A run is right when every acknowledged tick is in the log and has either its feature and its signal or its rejection,
once, with the offline bytes; when each bar that ticks and clock marks close is there once, with the offline bytes; when
records of equal id have equal bytes and act once; when source offsets of a symbol never go backwards once copies are
taken out, and `prev` names the record before; when every row ever written is the offline row at its offset and the
newest one is the final one; and when Redis shows each symbol's last feature.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from streams.headers import header
from streams.records import PART, PREVIOUS, SOURCE
from tables.indicator_state import HEADER
from tests.e2e.offline import BarRecord
from tests.faults.evidence import Entry, Evidence, Truth


class Violation(NamedTuple):
    """One way in which a run was wrong."""

    name: str
    where: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.where} {self.detail}".rstrip()


@dataclass(frozen=True)
class Findings:
    """What the checker found."""

    ticks: int
    violations: list[Violation]
    copies: Counter[str]
    """Topic -> exact copies, which readers drop by id."""

    @property
    def names(self) -> set[str]:
        """Names of the violations."""
        return {violation.name for violation in self.violations}

    def summary(self, shown: int = 12) -> str:
        """For a person: counts, and the first few of each kind."""
        counts = Counter(violation.name for violation in self.violations)
        lines = [f"{self.ticks} ticks, copies {dict(self.copies)}, violations {dict(counts)}"]
        for name in counts:
            same = [violation for violation in self.violations if violation.name == name]
            lines += [f"  {violation}" for violation in same[:shown]]
        return "\n".join(lines)


def wanted_rows(evidence: Evidence) -> set[tuple[int, str, int]]:
    """(partition, symbol, source offset) of every row in the evidence: what `Truth.rows_at` must hold."""
    changelog = {
        (entry.partition, (entry.key or b"").decode(), _row_offset(entry.value))
        for entry in evidence.changelog
        if entry.value is not None
    }
    stores = {
        (partition, symbol, _row_offset(row))
        for rows in evidence.stores.values()
        for (partition, symbol), row in rows.items()
    }
    return changelog | stores


def check(evidence: Evidence, truth: Truth, *, copies: bool = False) -> Findings:
    """Everything wrong with a run; `copies` says whether exact copies are forgiven (a zombie's late writes)."""
    found: list[Violation] = list(_log(evidence))
    counted: Counter[str] = Counter()
    originals = {f"{evidence.topic}-{tick.partition}-{tick.offset}": tick for tick in evidence.ticks}
    rejections = {
        id_: Entry(t.partition, -1, t.key, t.value, [("reason", truth.rejected[id_].encode())])
        for id_, t in originals.items()
        if id_ in truth.rejected
    }
    streams = (
        ("feature", evidence.features, {id_: _record(originals[id_], v) for id_, v in truth.features.items()}),
        ("signal", evidence.signals, {id_: _record(originals[id_], v) for id_, v in truth.signals.items()}),
        ("rejection", evidence.rejected, rejections),
        ("bar", evidence.bars, {id_: _bar(id_, bar) for id_, bar in truth.bars.items()}),
    )
    for name, entries, expected in streams:
        found += _stream(name, entries, expected, counted)
    if not copies:
        found += [Violation("copies", f"{count} {name}s were written twice") for name, count in counted.items()]
    found += _changelog(evidence.changelog, truth)
    found += _stores(evidence, truth)
    found += _latest(evidence.latest, truth)
    return Findings(len(evidence.ticks), found, counted)


def _log(evidence: Evidence) -> Iterator[Violation]:
    """Every acknowledged tick is in the log as it was sent."""
    log = {(entry.partition, entry.offset): entry.value for entry in evidence.ticks}
    for place, value in evidence.acknowledged.items():
        if place not in log:
            yield Violation("lost-tick", f"{place} was acknowledged and is not in the log")
        elif log[place] != value:
            yield Violation("lost-tick", f"{place} was acknowledged with another value")


def _record(tick: Entry, value: bytes) -> Entry:
    return Entry(tick.partition, -1, tick.key, value)


def _bar(id_: str, bar: BarRecord) -> Entry:
    headers = [(SOURCE, b"%d" % bar.source), (PART, id_.encode())]
    return Entry(bar.partition, -1, bar.symbol.encode(), bar.value, headers)


def _stream(
    name: str, entries: Sequence[Entry], expected: Mapping[str, Entry], copies: Counter[str]
) -> Iterator[Violation]:
    first: dict[str, Entry] = {}
    for entry in entries:
        id_ = _id(entry)
        if id_ not in expected:
            yield Violation(f"unexpected-{name}", f"[{entry.partition}]@{entry.offset} {id_}")
            continue
        before = first.setdefault(id_, entry)
        if before is not entry:
            copies[name] += 1
            if before.value != entry.value or before.key != entry.key:
                yield Violation("unequal-copies", f"{name} {id_} at {before.offset} and {entry.offset}")
            if source_of(before) != source_of(entry):
                yield Violation("acted-twice", f"{name} {id_} for two source records")
        yield from _wrong(name, id_, entry, expected[id_])
    for id_ in expected.keys() - first.keys():
        yield Violation(f"missing-{name}", id_)
    yield from _order(name, first.values())


def _wrong(name: str, id_: str, entry: Entry, expected: Entry) -> Iterator[Violation]:
    where = f"[{entry.partition}]@{entry.offset} {id_}"
    if entry.value != expected.value:
        yield Violation(
            f"wrong-{name}", where, f"{(entry.value or b'')[:300]!r} is not {(expected.value or b'')[:300]!r}"
        )
    if entry.key != expected.key or entry.partition != expected.partition:
        yield Violation("misplaced", f"{name} {where}: key {entry.key!r}, as its tick: {expected.key!r}")
    for key, value in expected.headers:
        if header(entry.headers, key) != value:
            yield Violation(f"wrong-{name}", where, f"header {key} is {header(entry.headers, key)!r}, not {value!r}")


def _order(name: str, unique: Iterable[Entry]) -> Iterator[Violation]:
    """Of records without their copies, in log order."""
    last: dict[tuple[int, bytes | None], int] = {}
    by_partition: dict[int, list[tuple[int, int, Entry]]] = {}
    for entry in unique:
        source = source_of(entry)
        key = (entry.partition, entry.key)
        if source < last.get(key, -1):
            yield Violation("backwards", f"{name} [{entry.partition}]@{entry.offset} {source} after {last[key]}")
        last[key] = max(source, last.get(key, -1))
        by_partition.setdefault(entry.partition, []).append((source, entry.offset, entry))
    for records in by_partition.values():
        previous = -1
        for source, _, entry in sorted(records, key=lambda r: r[:2]):
            named = header(entry.headers, PREVIOUS)
            if named != b"%d" % previous:
                yield Violation(
                    "broken-chain",
                    f"{name} [{entry.partition}]@{entry.offset} {source}: prev {named!r}, not {previous}",
                )
            previous = source


def _changelog(entries: Sequence[Entry], truth: Truth) -> Iterator[Violation]:
    newest: dict[tuple[int, str], bytes] = {}
    for entry in entries:
        symbol = (entry.key or b"").decode()
        where = f"changelog [{entry.partition}]@{entry.offset} {symbol}"
        if entry.value is None:
            yield Violation("removed-row", where)
            continue
        yield from _row(where, entry.partition, symbol, entry.value, truth)
        key = (entry.partition, symbol)
        if key not in newest or _row_offset(entry.value) >= _row_offset(newest[key]):
            newest[key] = entry.value
    yield from _final("changelog", newest, truth)


def _stores(evidence: Evidence, truth: Truth) -> Iterator[Violation]:
    for name, rows in evidence.stores.items():
        for (partition, symbol), row in rows.items():
            yield from _row(f"store {name} [{partition}] {symbol}", partition, symbol, row, truth)
    if evidence.final_store is not None:
        yield from _final(f"store {evidence.final_store}", evidence.stores[evidence.final_store], truth)


def _row(where: str, partition: int, symbol: str, row: bytes, truth: Truth) -> Iterator[Violation]:
    offset = _row_offset(row)
    if truth.rows_at.get((partition, symbol, offset)) != row:
        yield Violation("wrong-row", f"{where}: not the offline row at offset {offset}")


def _final(name: str, rows: Mapping[tuple[int, str], bytes], truth: Truth) -> Iterator[Violation]:
    for key in truth.rows.keys() - rows.keys():
        yield Violation("missing-row", f"{name} {key}")
    for key in rows.keys() & truth.rows.keys():
        if rows[key] != truth.rows[key]:
            yield Violation(
                "stale-row", f"{name} {key}: at offset {_row_offset(rows[key])}, not {_row_offset(truth.rows[key])}"
            )


def _latest(latest: Mapping[str, Mapping[str, str]], truth: Truth) -> Iterator[Violation]:
    newest: dict[str, tuple[int, str]] = {}
    for id_ in truth.features:
        symbol = msgspec.json.decode(truth.features[id_], type=_Named).symbol
        offset = int(id_.rsplit("-", 1)[1])
        if symbol not in newest or offset > newest[symbol][0]:
            newest[symbol] = (offset, id_)
    for symbol in latest.keys() - newest.keys():
        yield Violation("wrong-latest", f"{symbol} has no features")
    for symbol, (_, id_) in newest.items():
        found = latest.get(symbol)
        if found is None:
            yield Violation("missing-latest", f"{symbol}: nothing, not {id_}")
            continue
        if found.get("id") != id_:
            yield Violation("stale-latest", f"{symbol}: {found.get('id')}, not {id_}")
            continue
        expected = msgspec.json.decode(truth.features[id_], type=_Feature)
        for name, value in expected.values.items():
            shown = found.get(name)
            if (None if shown is None else float(shown)) != value:
                yield Violation("wrong-latest", f"{symbol} {id_}: {name} is {shown}, not {value}")


class _Named(msgspec.Struct):
    symbol: str


class _Identified(msgspec.Struct):
    id: str


class _Feature(msgspec.Struct):
    values: dict[str, float | None]


_decode_id = msgspec.json.Decoder(_Identified).decode


def _id(entry: Entry) -> str:
    """That of the tick, which every output carries: rejections in their headers, for their bytes are the tick's."""
    if (topic := header(entry.headers, "topic")) is not None:
        place = [(header(entry.headers, name) or b"?").decode() for name in ("partition", "offset")]
        return f"{topic.decode()}-{'-'.join(place)}"
    try:
        return _decode_id(entry.value or b"").id
    except msgspec.DecodeError as error:
        return f"unreadable: {error}"


def source_of(entry: Entry) -> int:
    """Source offset in the header `src`, -1 without one."""
    found = header(entry.headers, SOURCE)
    return int(found) if found is not None and found.isdigit() else -1


def _row_offset(row: bytes) -> int:
    return int(HEADER.unpack_from(row)[1]) if len(row) >= HEADER.size else -2
