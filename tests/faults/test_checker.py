"""The checker finds whatever is wrong: outputs made right by construction, then changed in one way each."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.headers import header
from streams.marks import CLOCK_KIND
from streams.records import KIND, PREVIOUS, SOURCE
from tests.faults.checker import check
from tests.faults.evidence import Entry, Evidence, Truth
from tests.faults.right import right

Change = Callable[[Evidence, int], Evidence]


@cache
def made(seed: int = 1) -> tuple[Evidence, Truth]:
    """A right run of 600 ticks, and the truth."""
    return right(seed, 600)


def changed(evidence: Evidence, field: str, change: Callable[[list[Entry]], Any]) -> Evidence:
    """The evidence with one list changed in place."""
    entries = list(getattr(evidence, field))
    change(entries)
    changes: dict[str, Any] = {field: entries}
    return replace(evidence, **changes)


def without(field: str) -> Change:
    """Any one record is missing."""
    return lambda evidence, at: changed(evidence, field, lambda entries: entries.pop(at % len(entries)))


def twice(field: str) -> Change:
    """Any one record is there once more, at the end."""

    def change(entries: list[Entry], at: int) -> None:
        entries.append(entries[at % len(entries)]._replace(offset=10**6))

    return lambda evidence, at: changed(evidence, field, lambda entries: change(entries, at))


def altered(field: str, **changes: Callable[[Entry], Any]) -> Change:
    """Any one record has another key, value or header."""

    def change(entries: list[Entry], at: int) -> None:
        entry = entries[at % len(entries)]
        entries[at % len(entries)] = entry._replace(**{name: new(entry) for name, new in changes.items()})

    return lambda evidence, at: changed(evidence, field, lambda entries: change(entries, at))


def copied(field: str, **changes: Callable[[Entry], Any]) -> Change:
    """Any one record is there again, differently."""

    def change(entries: list[Entry], at: int) -> None:
        entry = entries[at % len(entries)]
        entries.append(entry._replace(offset=10**6, **{name: new(entry) for name, new in changes.items()}))

    return lambda evidence, at: changed(evidence, field, lambda entries: change(entries, at))


def swapped(field: str) -> Change:
    """Two records of one symbol stand in the other order, each with what it had."""

    def change(entries: list[Entry], at: int) -> None:
        first = at % len(entries)
        same = [i for i, e in enumerate(entries) if (e.partition, e.key) == entries[first][0:3:2]]
        i, j = same[0], same[-1]
        entries[i], entries[j] = (
            entries[j]._replace(offset=entries[i].offset),
            entries[i]._replace(offset=entries[j].offset),
        )

    return lambda evidence, at: changed(evidence, field, lambda entries: change(entries, at))


def header_of(name: str, value: bytes) -> Callable[[Entry], Any]:
    """The record's headers with one of them changed."""
    return lambda entry: [(key, value if key == name else old) for key, old in entry.headers]


def other_value(entry: Entry) -> bytes:
    """One bit of the last digit of something."""
    value = bytearray(entry.value or b"")
    value[max(place for place, char in enumerate(value) if char in b"0123456789")] ^= 1
    return bytes(value)


def any_latest(change: Callable[[dict[str, str]], dict[str, str] | None]) -> Change:
    """The `latest` hash of any symbol is another one, or gone."""

    def apply(evidence: Evidence, at: int) -> Evidence:
        symbol = sorted(evidence.latest)[at % len(evidence.latest)]
        found = change(dict(evidence.latest[symbol]))
        rest = {name: value for name, value in evidence.latest.items() if name != symbol}
        return replace(evidence, latest=rest if found is None else {**rest, symbol: found})

    return apply


def lost_tick(evidence: Evidence, at: int) -> Evidence:
    """One more tick was acknowledged than the log has."""
    return replace(evidence, acknowledged={**evidence.acknowledged, (at % 4, 10**6 + at): b"{}"})


def old_row(evidence: Evidence, at: int) -> Evidence:
    """The newest row of a symbol was never written, but an older one was."""
    rows = list(evidence.changelog)
    keys = sorted({(row.partition, row.key) for row in rows})
    several = [k for k in keys if sum((row.partition, row.key) == k for row in rows) > 1]
    key = several[at % len(several)]
    last = max(i for i, row in enumerate(rows) if (row.partition, row.key) == key)
    return replace(evidence, changelog=[row for i, row in enumerate(rows) if i != last])


def store_without(evidence: Evidence, at: int) -> Evidence:
    """The last worker's store lacks a row."""
    rows = dict(evidence.stores["one"])
    del rows[sorted(rows)[at % len(rows)]]
    return replace(evidence, stores={"one": rows})


def store_wrong(evidence: Evidence, at: int) -> Evidence:
    """A row of a local store is no offline row."""
    rows = dict(evidence.stores["one"])
    key = sorted(rows)[at % len(rows)]
    rows[key] = rows[key][:-1] + bytes([rows[key][-1] ^ 1])
    return replace(evidence, stores={"one": rows})


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a tick is lost": (lost_tick, {"lost-tick"}),
    "a feature is missing": (without("features"), {"missing-feature", "broken-chain"}),
    "a signal is missing": (without("signals"), {"missing-signal", "broken-chain"}),
    "a rejection is missing": (without("rejected"), {"missing-rejection", "broken-chain"}),
    "a feature is there twice": (twice("features"), {"copies"}),
    "a signal is there twice": (twice("signals"), {"copies"}),
    "a rejection is there twice": (twice("rejected"), {"copies"}),
    "a feature is wrong": (altered("features", value=other_value), {"wrong-feature"}),
    "a signal is wrong": (altered("signals", value=other_value), {"wrong-signal"}),
    "a rejection is not the original": (altered("rejected", value=other_value), {"wrong-rejection"}),
    "a rejection has another reason": (altered("rejected", headers=header_of("reason", b"x")), {"wrong-rejection"}),
    "a feature has another key": (altered("features", key=lambda _: b"S0x"), {"misplaced"}),
    "a signal is of another partition": (altered("signals", partition=lambda e: (e.partition + 1) % 4), {"misplaced"}),
    "features stand in another order": (swapped("features"), {"backwards"}),
    "signals stand in another order": (swapped("signals"), {"backwards"}),
    "`prev` names another": (altered("features", headers=header_of(PREVIOUS, b"77777")), {"broken-chain"}),
    "a copy has other bytes": (copied("features", value=other_value), {"unequal-copies", "wrong-feature", "copies"}),
    "one tick was acted on twice": (copied("signals", headers=header_of(SOURCE, b"99999")), {"acted-twice", "copies"}),
    "a bar is missing": (without("bars"), {"missing-bar", "broken-chain"}),
    "a bar is there twice": (twice("bars"), {"copies"}),
    "a bar is wrong": (altered("bars", value=other_value), {"wrong-bar"}),
    "a bar was closed by another record": (
        altered("bars", headers=header_of(SOURCE, b"99999")),
        {"wrong-bar", "backwards", "broken-chain"},
    ),
    "a row is wrong": (altered("changelog", value=other_value), {"wrong-row", "stale-row"}),
    "a row is removed": (altered("changelog", value=lambda _: None), {"removed-row"}),
    "a newest row is missing": (old_row, {"stale-row"}),
    "a local row is missing": (store_without, {"missing-row"}),
    "a local row is wrong": (store_wrong, {"wrong-row", "stale-row"}),
    "Redis has nothing of a symbol": (any_latest(lambda _: None), {"missing-latest"}),
    "Redis has an older record": (any_latest(lambda found: {**found, "id": "ticks-0-0"}), {"stale-latest"}),
    "Redis has another value": (any_latest(lambda found: {**found, "sma_5": "1.5"}), {"wrong-latest"}),
}


def test_a_right_run_has_no_violations() -> None:
    """And the ticks hold something of every kind."""
    evidence, truth = made()
    assert check(evidence, truth).violations == []
    assert len(evidence.rejected) > 3
    assert set(truth.rejected.values()) >= {"late", "bad-json"}
    assert len(evidence.features) == len(evidence.signals) > 500
    marks = {(tick.partition, tick.offset) for tick in evidence.ticks if header(tick.headers, KIND) == CLOCK_KIND}
    by_marks = sum((bar.partition, bar.source) in marks for bar in truth.bars.values())
    assert 5 < by_marks < len(evidence.bars) - 5


@pytest.mark.parametrize("name", CHANGES)
@settings(max_examples=12)
@given(at=st.integers(0, 10**5))
def test_whatever_is_wrong_is_found(name: str, at: int) -> None:
    """Wherever it happens; and nothing is reported that follows from nothing."""
    change, expected = CHANGES[name]
    evidence, truth = made()
    found = check(change(evidence, at), truth)
    assert found.violations
    assert found.names & expected
    assert name in ("a signal is of another partition", "a row is removed") or found.names <= expected | {
        "broken-chain"
    }
    assert found.summary()


@given(at=st.integers(0, 10**5))
def test_exact_copies_are_forgiven_only_when_asked(at: int) -> None:
    """They are counted in either case."""
    evidence, truth = made()
    copies = twice("features")(evidence, at)
    assert check(copies, truth, copies=True).violations == []
    assert check(copies, truth, copies=True).copies == {"feature": 1}
    assert check(copied("features", value=other_value)(evidence, at), truth, copies=True).violations


@settings(max_examples=12)
@given(seed=st.integers(2, 10**6))
def test_outputs_of_other_ticks_are_wrong(seed: int) -> None:
    """The truth of one seed and the features of another agree in hardly anything."""
    evidence, truth = made()
    other, _ = right(seed, 50)
    assert "wrong-feature" in check(replace(evidence, features=other.features), truth).names
