import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds import partitions as module
from streams.feeds.partitions import SymbolPartitions, partition_of


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_java_client_s_own_vectors(key: bytes, murmur2: int) -> None:
    assert partition_of(key, 1_000_003) == (murmur2 & 0x7FFFFFFF) % 1_000_003


@given(st.binary(min_size=1, max_size=64), st.integers(1, 4096))
def test_same_as_aiokafka_s_partitioner(key: bytes, count: int) -> None:
    everyone = list(range(count))
    assert partition_of(key, count) == DefaultPartitioner()(key, everyone, everyone)


def test_cache_answers_as_the_function_does_and_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED", 10)
    cache = SymbolPartitions(8)
    for number in range(100):
        symbol = f"SIM{number:03d}"
        assert cache[symbol] == (symbol.encode(), partition_of(symbol.encode(), 8))
        assert cache[symbol] is cache[symbol]
        assert len(cache) <= 10
