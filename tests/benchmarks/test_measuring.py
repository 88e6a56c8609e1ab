"""What the figures rest on: the pace of a topic, what Redis showed when, cores, the market, the kernel per record."""

import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from aiokafka import ConsumerRecord

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.records import Tick
from tests.benchmarks import inside, load, machine
from tests.benchmarks.machine import Cores
from tests.benchmarks.peers.bare import Encoder
from tests.benchmarks.peers.one_tick import OneTick
from tests.benchmarks.progress_of import Look, between
from tests.benchmarks.throughput import RECORD_BYTES, wanted
from tests.benchmarks.watch import Seen, readable_after


def test_the_pace_leaves_the_first_tenth_out() -> None:
    looks = [Look(0.0, 10, 1.0), Look(1.0, 100, 2.0), Look(2.0, 600, 2.5), Look(3.0, 1_000, 3.0)]
    assert tuple(between(looks, 1_000, 5.0)) == pytest.approx((450.0, 1e6 / 900, 5.0, 900))


def test_a_slow_one_is_measured_from_two_seconds_after_its_first_record() -> None:
    looks = [Look(float(second), 10 + 10 * second, second / 2) for second in range(9)]
    assert tuple(between(looks, 1_000_000, 1.0))[:2] == pytest.approx((10.0, 50_000.0))


def test_what_was_over_at_once_is_refused() -> None:
    with pytest.raises(RuntimeError, match="give more ticks"):
        between([Look(0.0, 1_000, 1.0)], 1_000, 5.0)


def test_a_tick_is_readable_at_the_first_answer_of_it_or_a_newer_one() -> None:
    answers = {"A": [(5, 1_000_000), (9, 4_000_000)]}
    seen = [
        Seen("A", 4, 0, 0),
        Seen("A", 5, 500_000, 0),
        Seen("A", 6, 2_000_000, 0),
        Seen("A", 10, 0, 0),  # no answer covers it
        Seen("B", 1, 0, 0),  # not looked at
    ]
    assert readable_after(answers, seen, 0).tolist() == [1.0, 0.5, 2.0]
    assert readable_after(answers, seen, 1_000_000).tolist() == [2.0]


def test_what_redis_kept_of_an_earlier_run_is_found_out() -> None:
    with pytest.raises(ValueError, match="newer records of A than this run's"):
        readable_after({"A": [(900, 1_000_000)]}, [Seen("A", 4, 2_000_000, 0)], 0)


@pytest.mark.parametrize(
    ("available", "servers", "contestant"), [({0}, set(), set()), ({0, 1}, {0}, {1}), ({2, 4, 7}, {2, 4}, {7})]
)
def test_the_contestant_has_the_last_core(available: set[int], servers: set[int], contestant: set[int]) -> None:
    cores = Cores.of(available)
    assert (set(cores.servers), set(cores.contestant)) == (servers, contestant)
    assert str(cores)


def test_a_process_is_pinned_and_measured() -> None:
    code = "import sys; x = bytearray(64 << 20); sum(range(3_000_000)); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        core = max(os.sched_getaffinity(0))
        machine.pin(process.pid, {core})
        assert os.sched_getaffinity(process.pid) == {core}
        machine.pin(process.pid, ())
        assert os.sched_getaffinity(process.pid) == {core}
        assert machine.cpu_seconds(process.pid) > 0
        assert 64 < machine.resident_mib(process.pid) <= machine.peak_mib(process.pid)
        process.communicate()


def test_the_machine_names_processor_cores_and_versions() -> None:
    found = machine.machine()
    assert {"processor", "cores", "memory", "load before", "Apache Kafka", "aiokafka", "faust-streaming"} <= set(found)
    assert machine.java_version({"PATH": ""}) is None


def test_the_market_lies_where_its_keys_belong() -> None:
    lines = load.market(ticks=2_000, symbols=20, partitions=4)
    assert sum(map(len, lines)) == 2_000
    for partition, line in enumerate(lines):
        assert {partition_of(key, 4) for key, _ in line} <= {partition}


def test_the_kernel_per_record_gives_what_the_engine_gives() -> None:
    feature_set = FeatureSet.load("classics")
    [line] = load.market(ticks=300, symbols=3, partitions=1)
    decode = msgspec.json.Decoder(Tick).decode
    expected = RealTimeFeatureEngine(feature_set).run(
        [decode(value) for _, value in line], symbols=[key for key, _ in line]
    )
    kernel = OneTick("classics")
    rows: dict[bytes, bytes] = {}
    for offset, (key, value) in enumerate(line):
        record, rows[key] = kernel.step(f"ticks-0-{offset}", offset, value, rows.get(key))
        found = msgspec.json.decode(record)
        numbers = np.array([np.nan if number is None else number for number in found["values"].values()])
        assert np.array_equal(numbers, expected.values[offset], equal_nan=True)
        assert found["id"] == f"ticks-0-{offset}"


def test_contestants_are_chosen_by_the_beginning_of_their_names() -> None:
    assert wanted("Kafka Streams, store cache on", {"Kafka Streams"})
    assert not wanted("plain Faust", {"Kafka Streams"})
    assert wanted("plain Faust", set())


@pytest.mark.parametrize("name", ["classics", "default"])
def test_the_records_of_the_bare_loop_have_the_size_of_real_ones(name: str) -> None:
    [line] = load.market(ticks=3_000, symbols=5, partitions=1)
    kernel, rows, real = OneTick(name), dict[bytes, bytes](), list[int]()
    for offset, (key, value) in enumerate(line):
        record, rows[key] = kernel.step(f"ticks-0-{offset}", offset, value, rows.get(key))
        real.append(len(record))
    ticks = [
        ConsumerRecord("ticks", 0, offset, 0, 1, key, value, None, len(key), len(value), [])
        for offset, (key, value) in enumerate(line)
    ]
    bare = [len(record) for record in Encoder(name, RECORD_BYTES[name]).encode(ticks)]
    # Of the second half: by then all windows are full.
    assert sum(bare[1_500:]) == pytest.approx(sum(real[1_500:]), rel=0.05)


def test_inside_counts_each_tick_once_and_its_own_round_only() -> None:
    rows = np.array([(9.9, 1.0, 50), (10.0, 0.001, 99), (11.0, 0.002, 1), (20.0, 1.0, 50)])
    assert inside.percentiles(rows, 10.0, 20.0) == pytest.approx((1.0, 1.01, 1.901))
