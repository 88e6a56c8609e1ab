"""Filling one partition from the topic: what is read, what is written, where it ends."""

import math

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import RetryError
from tables.features import healing
from tables.features.healing import Healed, Healer
from tables.features.past import PastDecoder
from tables.features.store_memory import MemoryFeatureStore
from tests.tables.features.log import NAMES, NS, SCHEMA, T0, TOPIC, MemoryLog

NOW = 1_800_000_000.0
TTL_S, LATEST_TTL_S = 300, 86_400


class Case:
    """A topic, a store, and what fills one from the other."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.store = MemoryFeatureStore(
            names=NAMES, schema=SCHEMA, ttl_s=TTL_S, latest_ttl_s=LATEST_TTL_S, clock=lambda: NOW
        )
        self.healer = Healer(
            self.log,
            self.store,
            PastDecoder(NAMES, SCHEMA),
            TOPIC,
            ttl_s=TTL_S,
            latest_ttl_s=LATEST_TTL_S,
            clock=lambda: NOW,
        )

    def add(self, symbol: str, source: int, *, ago_s: float, second: float | None = None) -> None:
        """A record that was written so long ago; its values are its source's offset."""
        self.log.add(symbol, source, source if second is None else second, float(source), at_s=NOW - ago_s)

    async def newest(self, symbol: str) -> str | None:
        latest = await self.store.latest(symbol)
        return None if latest is None else latest.id

    async def seconds(self, symbol: str) -> dict[int, float]:
        found = (await self.store.history(symbol, "sma_5", T0 * NS, (T0 + 3_000) * NS)).pairs
        return {second - T0: value for second, value in found}


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healing, "STRETCH", 10)


async def test_everything_alive_comes_back(case: Case) -> None:
    case.add("dead", 0, ago_s=LATEST_TTL_S + 10)
    case.add("quiet", 1, ago_s=LATEST_TTL_S - 10)
    for source in range(2, 40):
        case.add("ES", source, ago_s=400 - source, second=source // 2)
    done = await case.healer.heal(0, None)
    assert (done.start, done.end, done.reached, done.records) == (1, 40, 1, 39)
    assert (await case.newest("ES"), await case.newest("quiet"), await case.newest("dead")) == (
        "ticks-0-39",
        "ticks-0-1",
        None,
    )
    # 400 - source seconds ago, and alive for 300: the newest of each second is the odd one.
    assert await case.seconds("ES") == {}
    for source in range(40, 60):
        case.add("ES", source, ago_s=100, second=source // 2)
    await case.healer.heal(0, 40)
    assert await case.seconds("ES") == {source // 2: float(source) for source in range(41, 60, 2)}


async def test_from_the_watermark_only(case: Case) -> None:
    for source in range(30):
        case.add(f"S{source}", source, ago_s=50)
    done = await case.healer.heal(0, 12)
    assert (done.start, done.end, done.records) == (12, 30, 18)
    assert min(case.log.fetched) == 12
    assert await case.store.symbols() == sorted(f"S{source}" for source in range(12, 30))


async def test_the_newest_stretch_first(case: Case) -> None:
    for source in range(30):
        case.add("ES", source, ago_s=50)
    seen: list[tuple[int, str | None]] = []

    class Noting(MemoryFeatureStore):
        async def fill(self, writes):  # type: ignore[no-untyped-def]
            changed = await super().fill(writes)
            seen.append((writes[0].write.offset, self._latest["ES"][1].id))
            return changed

    noting = Noting(names=NAMES, schema=SCHEMA, clock=lambda: NOW)
    healer = Healer(case.log, noting, PastDecoder(NAMES, SCHEMA), TOPIC, TTL_S, LATEST_TTL_S, lambda: NOW)
    await healer.heal(0, None)
    assert seen == [(29, "ticks-0-29"), (19, "ticks-0-29"), (9, "ticks-0-29")]


async def test_behind_the_history_it_ends_when_all_symbols_are_known(case: Case) -> None:
    for source in range(60):
        case.add("AB"[source % 2], source, ago_s=1_000 if source < 55 else 10)

    async def symbols() -> frozenset[str]:
        return frozenset("AB")

    done = await case.healer.heal(0, None, symbols=symbols)
    assert done.records == 10
    assert done.start == 0, "the rest counts as done: nothing in it can be missing"
    assert await case.store.symbols() == ["A", "B"]


async def test_old_records_of_known_symbols_are_not_decoded(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in range(40):
        case.add("A" if source else "quiet", source, ago_s=1_000 if source < 35 else 10)
    decoded: list[int] = []
    heads = PastDecoder.heads

    def counting(self, records):  # type: ignore[no-untyped-def]
        decoded.append(len(records))
        return heads(self, records)

    monkeypatch.setattr(PastDecoder, "heads", counting)
    await case.healer.heal(0, None)
    assert sum(decoded) == 11, "the newest stretch, and the one record of a symbol that is not in it"
    assert await case.newest("quiet") == "ticks-0-0"


async def test_a_late_copy_by_a_zombie_does_not_count(case: Case) -> None:
    for source in (10, 11, 12, 11):
        case.add("ES", source, ago_s=5, second=0)
    await case.healer.heal(0, None)
    assert await case.seconds("ES") == {0: 12.0}
    assert await case.newest("ES") == "ticks-0-12"


async def test_what_is_no_record_of_this_set_is_left_out(case: Case) -> None:
    case.log.add("other", 1, 0, 1.0, at_s=NOW, schema="ffffffffffff")
    for number, raw in enumerate(
        [b"{", b"", None, b"[]", b"\xff", b'{"symbol":"x","ts_ns":1,"schema":"0123456789ab"}']
    ):
        case.log.add(f"bad{number}", 2, 0, 1.0, at_s=NOW, raw=raw)
    case.log.add("sourceless", 3, 0, 1.0, at_s=NOW, headers=())
    case.log.add("strange", 4, 0, 1.0, at_s=NOW, headers=(("src", b"x"),))
    case.add("good", 5, ago_s=0)
    await case.healer.heal(0, None)
    assert await case.store.symbols() == ["good"]


async def test_a_watermark_beyond_the_end_is_of_another_topic(case: Case) -> None:
    case.add("ES", 1, ago_s=5)
    done = await case.healer.heal(0, 500)
    assert (done.start, done.end) == (0, 1)
    assert await case.newest("ES") == "ticks-0-1"


async def test_an_empty_partition(case: Case) -> None:
    assert await case.healer.heal(5, None) == Healed()


async def test_no_answer_is_named(case: Case) -> None:
    case.log.error = KafkaConnectionError("gone")
    with pytest.raises(RetryError, match=r"features\[0\].*gone"):
        await case.healer.heal(0, None)
    case.log.error = TimeoutError()
    with pytest.raises(RetryError, match=r"features\[0\]: its leader did not answer within"):
        await case.healer.heal(0, None)


async def test_progress_is_told(case: Case) -> None:
    for source in range(30):
        case.add("ES", source, ago_s=50)
    told: list[int] = []
    await case.healer.heal(0, None, on_progress=lambda done: told.append(done.reached))
    assert told == [20, 10, 0]


@given(
    ticks=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 8), st.booleans()), max_size=40),
    live=st.sets(st.integers(0, 39), max_size=12),
    watermark=st.integers(0, 40),
    lost=st.booleans(),
)
async def test_whatever_was_there_it_is_what_the_topic_says(
    ticks: list[tuple[str, int, bool]], live: set[int], watermark: int, lost: bool
) -> None:
    """The view is filled up to its watermark, or the server was emptied; of what came since the stream has stored some.
    After a filling it is as if everything had been put."""
    case = Case()
    for source, (symbol, second, null) in enumerate(ticks):
        case.log.add(symbol, source, second, math.nan if null else float(source), at_s=NOW - 50)
    writes = [case.healer.decoder.write(record) for record in case.log.partitions.get(0, [])]
    watermark = min(watermark, len(writes))
    case.store.put_many(write for write in writes[:watermark] if write is not None)
    if lost:
        case.store.lose()
    case.store.put_many(w for at, w in enumerate(writes) if w is not None and at >= watermark and at in live)
    await case.healer.heal(0, None if lost else watermark)
    for name in "ABC":
        own = [(source, second, null) for source, (symbol, second, null) in enumerate(ticks) if symbol == name]
        expected = {second: math.nan if null else float(source) for source, second, null in own}
        assert await case.seconds(name) == {s: v for s, v in expected.items() if not math.isnan(v)}
        assert await case.newest(name) == (f"ticks-0-{own[-1][0]}" if own else None)
