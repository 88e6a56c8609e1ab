"""What the feature store will need of Redis' memory, worked out before it is needed.

    latest    symbols x (SYMBOL_BYTES + values x VALUE_BYTES)
    history   seconds x (for each output with history: its life x KEY_BYTES; the longest life x RECORD_BYTES)

where `seconds` is how many (symbol, second) are written in a second: each symbol writes one at most, and each tick one
at most, so min(symbols, ticks a second). A replay faster than the clock passes through more seconds than that: its
ticks a second are then what counts.

The constants are what Redis 7.0 takes, rounded up (196 bytes a history key, 307 a record key; Valkey 9.1 takes 118 and
250; tests/benchmarks/store.py measures yours); what the allocator loses to fragmentation is in FRAGMENTS.

Where neither symbols nor ticks a second are given it is a guess on the safe side, said as a warning. Given, they are a
promise, and what cannot fit is refused.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from streams.errors import ConfigError
from tables.features.keys import FeatureKeys
from tables.features.usage import megabytes, read_usage

logger = logging.getLogger(__name__)

KEY_BYTES: Final = 200
"""Of one history key: name, value, life, and its place in two tables."""
RECORD_BYTES: Final = 420
"""Of the record key of one second."""
SYMBOL_BYTES: Final = 1_200
"""Of a symbol's latest hash without its values, and of its place among the symbols."""
VALUE_BYTES: Final = 100
"""Of one value of the latest hash, and of its flag."""
SEALED_BYTES: Final = 600
"""Of the sealed record of one second without its values."""
SEALED_VALUE_BYTES: Final = 60
"""Of one value in it."""
FRAGMENTS: Final = 1.15
"""Memory taken over memory used."""


@dataclass(frozen=True)
class Budget:
    """What one feature set is going to hold.

    `symbols`: how many, 0 for those that Redis has; `ticks_per_s`: of all symbols together, 0 for at least one of each
    symbol in a second; `ttls`: lives of the outputs that keep history, in seconds; `sealed`: in one record for each
    second (tables/features/sealed.py).
    """

    keys: FeatureKeys
    values: int
    ttls: Mapping[str, int]
    symbols: int = 0
    ticks_per_s: float = 0.0
    sealed: bool = False

    def per_second(self) -> int:
        """Bytes that stay for a symbol with a tick in every second, over the lives of its history."""
        if self.sealed:
            return max(self.ttls.values(), default=0) * (SEALED_BYTES + len(self.ttls) * SEALED_VALUE_BYTES)
        return sum(self.ttls.values()) * KEY_BYTES + max(self.ttls.values(), default=0) * RECORD_BYTES

    def per_symbol(self) -> int:
        """Bytes of the latest record of one symbol."""
        return SYMBOL_BYTES + self.values * VALUE_BYTES

    def needed(self, symbols: int) -> int:
        """Bytes that `symbols` symbols are going to take."""
        return int(FRAGMENTS * (symbols * self.per_symbol() + self._seconds(symbols) * self.per_second()))

    def sentence(self, symbols: int) -> str:
        """The arithmetic, for a person."""
        seconds = self._seconds(symbols)
        lives = sorted(set(self.ttls.values()))
        life = f"{lives[0]} s" if len(lives) == 1 else f"{lives[0]}-{lives[-1]} s" if lives else "no time"
        return (
            f"{symbols} symbols x {self.per_symbol():,} bytes (latest, {self.values} values) + {seconds:g} symbol-"
            f"seconds a second x {self.per_second():,} bytes (history of {len(self.ttls)} outputs for {life}), "
            f"x {FRAGMENTS:g} for the allocator = {megabytes(self.needed(symbols))}"
        )

    async def check(self, client: Redis, address: str) -> None:
        """Compare with the server's limit; says in the log what the history costs.

        Raises:
            ConfigError: what was promised cannot fit, with the arithmetic.
            redis.exceptions.RedisError, OSError: as the client does.
        """
        usage = await read_usage(client)
        symbols = self.symbols or await self.known_symbols(client)
        if symbols:
            logger.info("feature store at %s: %s, of %s", address, self.sentence(symbols), usage.limit())
        else:
            logger.info(
                "feature store at %s: a symbol with a tick in every second takes %s, of %s; HAYATE_STORE_SYMBOLS says "
                "how many there will be",
                address,
                megabytes(self.needed(1)),
                usage.limit(),
            )
        for warning in usage.warnings():
            logger.warning("feature store at %s: %s", address, warning)
        room = usage.room()
        if room is None or self.needed(symbols) <= room:
            return
        said = (
            f"Redis at {address} has room for {megabytes(room)} of features (maxmemory {megabytes(usage.max_bytes)} "
            f"less what it needs itself), and they will need more: {self.sentence(symbols)}; {self._remedy()}"
        )
        if self.symbols or self.ticks_per_s:
            raise ConfigError(said)
        logger.warning("%s", said)

    async def known_symbols(self, client: Redis) -> int:
        """How many symbols Redis has."""
        return int(await client.zcard(self.keys.symbols))

    def _seconds(self, symbols: int) -> float:
        return min(symbols, self.ticks_per_s) if self.ticks_per_s else float(symbols)

    def _remedy(self) -> str:
        said = f"HAYATE_STORE_SYMBOLS={self.symbols}" if self.symbols else "the symbols are those that Redis has"
        rate = (
            f", HAYATE_STORE_TICKS_PER_S={self.ticks_per_s:g}" if self.ticks_per_s else ", with a tick in every second"
        )
        return (
            f"raise maxmemory, or name fewer outputs in `history` of the feature set, or give them shorter lives "
            f"(HAYATE_FEATURE_TTL_S, or [ttl] in the feature set); {said}{rate}"
        )
