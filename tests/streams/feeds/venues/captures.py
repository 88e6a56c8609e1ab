"""Recorded traffic of venues, frame by frame."""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from streams.feeds.venue import NonTick, Unreadable, Venue
from streams.records import Tick


class Frame(NamedTuple):
    """One frame, and when it was received by the recorder's clock."""

    text: str
    received_ns: int


def timed_lines(path: Path) -> Iterator[Frame]:
    """Read lines of `<ns> <frame>`; empty frames are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            received, _, text = line.strip().partition(" ")
            if text:
                yield Frame(text, int(received))


def exchange_lines(path: Path) -> Iterator[Frame]:
    """Read the received frames of lines `<epoch s>: <frame>`; what was sent, and empty frames, are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            received, _, text = line.rstrip("\n").partition(": ")
            if text.strip() and received.replace(".", "", 1).isdigit():
                whole, _, fraction = received.partition(".")
                yield Frame(text, int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9]))


class Outcome(NamedTuple):
    """What an adapter made of a recording."""

    ticks: list[Tick]
    non_ticks: Counter[str]
    unreadable: list[Unreadable]
    frames: int
    silent: int
    """Frames without any event: there must be none."""


def play(venue: Venue, frames: Iterable[Frame]) -> Outcome:
    """Hand every frame to the adapter."""
    ticks: list[Tick] = []
    non_ticks: Counter[str] = Counter()
    unreadable: list[Unreadable] = []
    count = silent = 0
    for text, received_ns in frames:
        count += 1
        events = venue.receive(text, received_ns)
        silent += not events
        for event in events:
            if isinstance(event, Tick):
                ticks.append(event)
            elif isinstance(event, Unreadable):
                unreadable.append(event)
            else:
                non_ticks[event.kind if isinstance(event, NonTick) else type(event).__name__] += 1
    return Outcome(ticks, non_ticks, unreadable, count, silent)
