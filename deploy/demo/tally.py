"""What came out of the worker: counted, measured, and the newest of each symbol kept to be shown."""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from deploy.demo.answered import Answered
from deploy.demo.judged import Judged
from deploy.demo.latencies import Latencies
from streams.feeds.sample import SYMBOL
from streams.headers import header, integer
from streams.records import SENT_NS, SOURCE, Action

WARM_UP_S: Final = 2.0

Headers = Sequence[tuple[str, bytes]]


class Feature(msgspec.Struct, frozen=True):
    """What the demonstration shows of a feature record."""

    price: float | None
    status: str
    values: dict[str, float | None]


class Decision(msgspec.Struct, frozen=True):
    """What the demonstration shows of a signal."""

    action: Action
    confidence: float
    fallback: bool
    model: str = "-"
    """Who signed it."""
    id: str = ""
    ts_ns: int = 0
    horizon_ms: int = 0
    probability_up: float = 0.5


class Price(msgspec.Struct, frozen=True):
    """What judging needs of a feature record."""

    price: float | None
    id: str = ""
    ts_ns: int = 0


@dataclass
class Line:
    """The newest of one symbol."""

    signals: int = 0
    decision: Decision | None = None
    latency_ms: float = 0.0
    feature: bytes = b""
    """As it came: decoded when it is shown, which is seldom."""


@dataclass(frozen=True)
class Balance:
    """The account against the ticks that Kafka acknowledged."""

    ticks: int
    rejected: int
    features: int
    signals: int
    repeated: int
    """Outputs that came more than once."""

    @property
    def lost(self) -> int:
        """Ticks that have neither signal nor reject."""
        return self.ticks - self.rejected - self.signals

    @property
    def without_features(self) -> int:
        """Ticks that have neither feature record nor reject."""
        return self.ticks - self.rejected - self.features

    @property
    def exact(self) -> bool:
        """Every tick has exactly one feature record and one signal, or exactly one reject."""
        return self.lost == self.without_features == self.repeated == 0


@dataclass
class Tally:
    """Counts by partition of `ticks` and offset there, as the `src` headers give them: each tick is counted once."""

    latencies: Latencies = field(default_factory=Latencies)
    """From the time a tick was handed to Kafka (`sent_ns`) to the time its signal was read here."""
    steady: Latencies = field(default_factory=Latencies)
    """Those of ticks handed over later than WARM_UP_S after the first: without connections and files being opened."""
    actions: Counter[str] = field(default_factory=Counter)
    symbols: dict[str, Line] = field(default_factory=lambda: defaultdict(Line))
    reasons: Counter[str] = field(default_factory=Counter)
    judged: Judged = field(default_factory=Judged)
    """Of the real symbol."""
    first_signal: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first one."""
    _first_sent_ns: float = math.inf
    _rejected: dict[int, Answered] = field(default_factory=lambda: defaultdict(Answered))
    _features: dict[int, Answered] = field(default_factory=lambda: defaultdict(Answered))
    _signals: dict[int, Answered] = field(default_factory=lambda: defaultdict(Answered))

    @property
    def rejected(self) -> int:
        """Different ticks rejected."""
        return _count(self._rejected)

    @property
    def features(self) -> int:
        """Different ticks that have a feature record."""
        return _count(self._features)

    @property
    def signals(self) -> int:
        """Different ticks that have a signal."""
        return _count(self._signals)

    def balance(self, ticks: int) -> Balance:
        """The account if so many ticks were acknowledged."""
        repeated = sum(
            one.repeated for group in (self._rejected, self._features, self._signals) for one in group.values()
        )
        return Balance(ticks, self.rejected, self.features, self.signals, repeated)

    def feature(self, partition: int, symbol: str, value: bytes, headers: Headers) -> None:
        """Note a feature record."""
        if self._features[partition].add(_source(headers)):
            self.symbols[symbol].feature = value
            if symbol == SYMBOL:
                record = _price(value)
                self.judged.price(record.id, record.ts_ns, record.price)

    def signal(self, partition: int, symbol: str, value: bytes, headers: Headers, now_ns: int) -> None:
        """Note a signal read at `now_ns`."""
        if not self._signals[partition].add(_source(headers)):
            return
        line = self.symbols[symbol]
        line.decision = made = _decision(value)
        line.signals += 1
        self.actions[line.decision.action] += 1
        if symbol == SYMBOL:
            self.judged.signal(made.id, made.ts_ns, made.model, made.horizon_ms, made.probability_up)
        sent_ns = integer(header(headers, SENT_NS))
        line.latency_ms = (now_ns - sent_ns) / 1e6
        self.latencies.add(now_ns - sent_ns)
        self._first_sent_ns = min(self._first_sent_ns, sent_ns)
        if sent_ns - self._first_sent_ns > WARM_UP_S * 1e9:
            self.steady.add(now_ns - sent_ns)
        self.first_signal.set()

    def reject(self, partition: int, headers: Headers) -> None:
        """Note a rejected tick."""
        if self._rejected[partition].add(_source(headers)):
            self.reasons[(header(headers, "reason") or b"?").decode()] += 1


def _source(headers: Headers) -> int:
    """Offset of the tick that a record answers."""
    value = header(headers, SOURCE)
    if value is None:
        raise ValueError(f"a record came without its header {SOURCE!r}: its writer is no Hayate worker of this version")
    return integer(value)


def _count(partitions: dict[int, Answered]) -> int:
    return sum(one.count for one in partitions.values())


_decision: Final = msgspec.json.Decoder(Decision).decode
_price: Final = msgspec.json.Decoder(Price).decode
decode_feature: Final = msgspec.json.Decoder(Feature).decode
"""Read the value of a feature record."""
