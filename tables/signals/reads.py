"""Reading the newest signals."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec

from streams.records import Signal
from tables.features.freshness import NS
from tables.features.source_redis import RedisFeatureSource
from tables.redis_transaction import command
from tables.sealing import Sealer, sealed_without_key
from tables.signals.store import SignalWrite, signal_key

_SIGNALS: Final = msgspec.json.Decoder(Signal)


class LatestSignal(msgspec.Struct, frozen=True):
    """The newest signal of one symbol; `record` is its JSON, byte for byte that of the topic."""

    signal: Signal
    record: bytes
    age_s: float
    """Seconds of event time between the signal and the reader's now."""
    expired: bool
    """Whether the horizon of the signal is over: it says nothing about what comes."""


class SignalReads(Protocol):
    """Reads the newest signals."""

    async def latest(self, symbols: Sequence[str], *, now_ns: int | None = None) -> list[LatestSignal | None]:
        """Newest signal of each of `symbols`, None where there is none; RetryError where the store does not answer."""


class RedisSignalReads:
    """Reads what RedisSignals wrote, of the set that `source` reads at that moment."""

    def __init__(
        self, source: RedisFeatureSource, sealer: Sealer | None = None, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._source = source
        self._sealer = sealer
        self._now_ns = now_ns

    async def latest(self, symbols: Sequence[str], *, now_ns: int | None = None) -> list[LatestSignal | None]:
        """As SignalReads.latest, in one round trip.

        Raises:
            ConfigError, SealError: one is sealed and cannot be opened.
        """
        places: list[str] = []

        def commands(version: str) -> list[bytes]:
            places[:] = [signal_key(symbol, version) for symbol in symbols]
            return [command("HGET", place, "record") for place in places]

        texts = await self._source.read_versioned(commands)
        now = self._now_ns() if now_ns is None else now_ns
        found = []
        for place, text in zip(places, texts, strict=True):
            record = None if text is None else self._opened(place, text)
            found.append(None if record is None else answered(record, now))
        return found

    def _opened(self, place: str, text: bytes) -> bytes | None:
        sealed = text.startswith(b'{"_partition":')
        if self._sealer is not None:
            # One that lies there in clear could be anybody's.
            return self._sealer.open(place, text).content if sealed else None
        if sealed:
            raise sealed_without_key(place)
        return text


class MemorySignals:
    """The twin in memory: both what the ensemble writes into and what is read."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._held: dict[str, SignalWrite] = {}

    def put_many(self, writes: Iterable[SignalWrite]) -> None:
        """As SignalStore.put_many."""
        for write in writes:
            held = self._held.get(write.symbol)
            if held is None or held.partition != write.partition or write.offset > held.offset:
                self._held[write.symbol] = write

    async def start(self) -> None:
        """Nothing to connect."""

    async def settle(self, timeout_s: float) -> None:
        """Nothing waits."""

    async def stop(self, timeout_s: float = 1.0) -> None:
        """Nothing to close."""

    async def latest(self, symbols: Sequence[str], *, now_ns: int | None = None) -> list[LatestSignal | None]:
        """As SignalReads.latest."""
        now = self._now_ns() if now_ns is None else now_ns
        held = [self._held.get(symbol) for symbol in symbols]
        return [None if one is None else answered(one.record, now) for one in held]


def answered(record: bytes, now_ns: int) -> LatestSignal:
    """The answer to whoever asks at `now_ns` for what `record` says."""
    signal = _SIGNALS.decode(record)
    age_ns = now_ns - signal.ts_ns
    return LatestSignal(signal, record, age_ns / NS, age_ns > signal.horizon_ms * 1_000_000)
