"""What waits for one stream: the newest event of each symbol and kind, however slowly it is taken."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from agents.api.answers import encoded, signal_of
from streams.records import FLAG_NAMES, STALE
from tables.features.answers import LatestFeatures
from tables.features.freshness import worst
from tables.signals.reads import LatestSignal

Kind = Literal["features", "signals"]
KINDS: Final[tuple[Kind, ...]] = ("features", "signals")


@dataclass(slots=True, eq=False)
class Event:
    """The newest of one kind of one symbol, encoded once for all streams that want the same names of it."""

    kind: Kind
    symbol: str
    answer: LatestFeatures | LatestSignal | None
    """None where there is none (any more)."""
    _texts: dict[tuple[str, ...] | None, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """For Last-Event-ID: kind and id of the record, and how many of its values are stale by now, or that it has
        expired, where that is so; empty where there is none."""
        if self.answer is None:
            return ""
        if isinstance(self.answer, LatestSignal):
            return f"{self.kind}:{self.answer.signal.id}{':expired' if self.answer.expired else ''}"
        # Of one record more and more values are stale, so their number says which.
        stale = sum(flag == FLAG_NAMES[STALE] for flag in self.answer.flags.values())
        return f"{self.kind}:{self.answer.id}{f':{stale}-stale' if stale else ''}"

    def same_as(self, other: "Event | None") -> bool:
        """Whether it says nothing that `other` did not: the same record, to be judged alike."""
        return other is not None and self.id == other.id and self._verdict() == other._verdict()

    def text(self, names: tuple[str, ...] | None) -> bytes:
        """As it goes over the wire, with the values of `names` only."""
        if self.kind == "signals":
            names = None
        if names not in self._texts:
            self._texts[names] = self._encoded(names)
        return self._texts[names]

    def _verdict(self) -> Any:
        if isinstance(self.answer, LatestFeatures):
            return self.answer.flags
        return None if self.answer is None else self.answer.expired

    def _encoded(self, names: Sequence[str] | None) -> bytes:
        if self.answer is None:
            return wire("absent", {"symbol": self.symbol, "kind": self.kind})
        if isinstance(self.answer, LatestFeatures):
            return wire(self.kind, self.answer if names is None else narrowed(self.answer, names), self.id)
        return wire(self.kind, signal_of(self.answer), self.id)


class Mailbox:
    """One stream's queue; at most one event for each of `symbols` and `kinds`.

    Args:
        names: of the values that the stream wants; None is all.
        seen: id of the last event that its reader has had; that one is not sent again.
        on_conflated: called for every event that a newer one replaced.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        kinds: Iterable[Kind],
        names: Sequence[str] | None = None,
        seen: str = "",
        on_conflated: Callable[[], None] = lambda: None,
    ) -> None:
        self.symbols = tuple(symbols)
        self.kinds = frozenset(kinds)
        self._names = None if names is None else tuple(names)
        self._seen = seen
        self._on_conflated = on_conflated
        self._waiting: dict[object, bytes | Event] = {}
        self._wake = asyncio.Event()
        self.closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Take what is new; never waits."""
        if event.kind not in self.kinds or (self._seen and event.id == self._seen):
            return
        key = (event.kind, event.symbol)
        if key in self._waiting:
            self._on_conflated()
        self._waiting[key] = event
        self._wake.set()

    def tell(self, word: str, text: bytes) -> None:
        """Take a notice about the stream itself; a newer one with the same word replaces it."""
        self._waiting[word] = text
        self._wake.set()

    def close(self) -> None:
        """Have the stream end."""
        self.closed = True
        self._wake.set()

    async def take(self, timeout_s: float) -> list[bytes]:
        """Wait for events and take all; empty after `timeout_s` seconds without any, or when closed."""
        try:
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        except TimeoutError:
            return []
        self._wake.clear()
        taken, self._waiting = self._waiting, {}
        return [one.text(self._names) if isinstance(one, Event) else one for one in taken.values()]


def narrowed(answer: LatestFeatures, names: Sequence[str]) -> LatestFeatures:
    """Of `names` only."""
    flags = {name: answer.flags[name] for name in names if name in answer.flags}
    values = {name: answer.values.get(name) for name in names}
    return msgspec.structs.replace(answer, values=values, flags=flags, status=worst(flags.values()))


def wire(event: str, data: Any, id_: str = "") -> bytes:
    """A server-sent event; JSON has no line breaks of its own."""
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: {event}\ndata: ".encode() + encoded(data) + b"\n\n"
