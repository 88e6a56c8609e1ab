"""Which partition each symbol belongs to, remembered."""

from typing import Final

from aiokafka.partitioner import murmur2

_MAX_CACHED: Final = 100_000


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of `key` among `partitions`, as the Java client and aiokafka choose it.

    `(murmur2(key) & 0x7fffffff) mod partitions`, murmur2 being the 32-bit MurmurHash2 with seed 0x9747b28c
    (org.apache.kafka.common.utils.Utils.murmur2).
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class SymbolPartitions(dict[str, tuple[bytes, int]]):
    """Key and partition of every symbol seen, worked out once: `key, partition = cache[symbol]`.

    murmur2 is pure Python in aiokafka 0.14, slower than everything else that is done for a tick. The cache starts
    afresh when it holds 100,000 symbols, so that input with made-up symbols cannot fill the memory.
    """

    def __init__(self, partitions: int) -> None:
        """Make the cache of a topic with `partitions` partitions."""
        super().__init__()
        self._partitions = partitions

    def __missing__(self, symbol: str) -> tuple[bytes, int]:
        if len(self) >= _MAX_CACHED:
            self.clear()
        key = symbol.encode()
        found = self[symbol] = (key, partition_of(key, self._partitions))
        return found
