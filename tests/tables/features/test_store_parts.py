"""The parts that need no server: what waits, addresses, versions, delays."""

from functools import partial
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.exceptions import BusyLoadingError, OutOfMemoryError
from redis.exceptions import ConnectionError as RedisConnectionError

from streams.errors import ConfigError, RetryError
from tables.features.contract import FeatureWrite
from tables.features.keys import NS, FeatureKeys, second_text, seconds_between
from tables.features.library import load_library
from tables.features.pending import Pending, newest_of_seconds
from tables.redis_connection import address_of, call_many, check_server, delays, explain, make_pool
from tests.tables.test_feature_store import T0, record

ONE = [1.0]


def newest(writes: list[FeatureWrite]) -> dict[str, int]:
    return {write.symbol: write.offset for write in writes}


@given(
    puts=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 30), st.integers(0, 9)), max_size=60),
    bound=st.integers(1, 20),
    taken_at=st.integers(0, 60),
    sent=st.integers(0, 5),
)
def test_a_failed_flush_leaves_what_a_single_gathering_would(
    puts: list[tuple[str, int, int]], bound: int, taken_at: int, sent: int
) -> None:
    pending = Pending(bound, 1)
    expected: dict[str, int] = {}
    for number, (symbol, offset, second) in enumerate(puts):
        if number == taken_at:
            batch = pending.take()
            assert len(pending) == 0
            batch.sent = min(sent, len(batch.writes))
            pending.restore(batch)
            for write in batch.writes[: batch.sent]:
                if expected[write.symbol] == write.offset:
                    # Sent: the store itself ignores what is older from here on.
                    del expected[write.symbol]
        pending.put_many([record(symbol, offset, second, ONE)])
        expected[symbol] = max(expected.get(symbol, -1), offset)
        assert len(pending) <= max(bound, 3)
    writes = pending.take().writes
    assert newest(writes) == expected
    for symbol in expected:
        sent_offsets = [write.offset for write in writes if write.symbol == symbol]
        assert sent_offsets == sorted(set(sent_offsets))
    assert len({(write.symbol, write.ts_ns // NS) for write in writes}) == len(writes)


@given(puts=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3)), max_size=30))
def test_what_need_not_be_made_would_not_have_been_kept(puts: list[tuple[str, int]]) -> None:
    """Of consecutive records the same are kept, in the same order, whether all of them are put or those few."""
    writes = [record(symbol, offset, second, ONE) for offset, (symbol, second) in enumerate(puts)]
    places = newest_of_seconds([write.symbol for write in writes], [write.ts_ns for write in writes])
    all_of_them, few = Pending(100, 1), Pending(100, 1)
    all_of_them.put_many(writes)
    few.put_many([writes[place] for place in places])
    assert few.take().writes == all_of_them.take().writes
    assert len(places) == len({*puts})


def test_what_came_later_stands_above_what_is_taken_back() -> None:
    pending = Pending(100, 1)
    pending.put_many([record("A", 1, 0, ONE), record("A", 2, 1, ONE), record("B", 1, 0, ONE)])
    batch = pending.take()
    batch.sent = 1
    pending.put_many([record("A", 3, 1, ONE), record("A", 4, 2, ONE)])
    pending.restore(batch)
    assert [(write.symbol, write.offset) for write in pending.take().writes] == [("B", 1), ("A", 3), ("A", 4)]


def test_a_late_second_keeps_the_order_of_the_offsets() -> None:
    pending = Pending(100, 1)
    pending.put_many([record("A", 1, 5, ONE), record("A", 2, 4, ONE), record("A", 3, 5, ONE)])
    assert [write.offset for write in pending.take().writes] == [2, 3]


def test_more_symbols_than_the_bound_all_keep_their_newest() -> None:
    pending = Pending(4, 1)
    pending.put_many([record(f"S{n}", n, 0, ONE) for n in range(10)])
    pending.put_many([record(f"S{n}", 10 + n, 1, ONE) for n in range(10)])
    writes = pending.take().writes
    assert newest(writes) == {f"S{n}": 10 + n for n in range(10)}
    assert len(writes) + pending.dropped == 20


def test_callbacks_are_bounded_and_keep_their_order() -> None:
    pending = Pending(3, 1)
    calls: list[int] = []
    for n in range(3):
        pending.put_many([], partial(calls.append, n))
    pending.wait(lambda: calls.append(100))
    batch = pending.take()
    pending.put_many([], lambda: calls.append(3))
    pending.restore(batch)
    pending.take().finish()
    assert calls == [1, 2, 3, 100]
    pending.take().finish()
    assert len(calls) == 4


def test_history_is_shed_and_the_newest_stay() -> None:
    pending = Pending(100, 1)
    pending.put_many([record("A", 1, 0, ONE), record("B", 1, 0, ONE), record("A", 2, 1, ONE), record("A", 3, 2, ONE)])
    batch = pending.take()
    batch.sent = 1
    batch.shed_history()
    assert [(write.symbol, write.offset) for write in batch.writes] == [("A", 1), ("B", 1), ("A", 3)]
    pending.restore(batch)
    assert pending.dropped == 0
    assert newest(pending.take().writes) == {"A": 3, "B": 1}


def test_seconds_are_utc() -> None:
    assert second_text(0) == "19700101000000"
    assert second_text(-1) == "19691231235959"
    assert FeatureKeys().history("ES", "sma_5", T0) == "feature:ES:sma_5:20260921141320"
    assert list(seconds_between(-1, 2 * NS + 1)) == [0, 1, 2]
    assert list(seconds_between(NS, NS)) == []


def test_library_and_function_carry_the_hash_of_their_text() -> None:
    text, put, mark = load_library()
    name = put.removesuffix("_put")
    assert text.startswith(f"#!lua name={name}\n")
    assert f"redis.register_function('{put}', put)" in text
    assert f"redis.register_function('{mark}', mark)" in text
    assert len(name) == len("hayate_features_") + 12


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1:6390/2", "127.0.0.1:6390/2"),
        ("redis://user:pass@cache", "cache:6379/0"),
        ("rediss://cache:6380/1", "cache:6380/1"),
        ("unix://:pass@/run/redis.sock?db=3", "/run/redis.sock/3"),
    ],
)
def test_addresses_show_neither_user_nor_password(url: str, address: str) -> None:
    assert address_of(make_pool(url, SecretStr("pass"), 1.0)) == address


@pytest.mark.parametrize("url", ["http://:hunter2@cache/0", "cache:6379", "redis://:hunter2@cache:port/0"])
def test_a_malformed_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_REDIS_URL: .*write redis://") as caught:
        make_pool(url, None, 1.0)
    assert "hunter2" not in str(caught.value)


class Client:
    """Answers INFO as a server would."""

    def __init__(self, **info: Any) -> None:
        self._info = info

    async def info(self, section: str) -> dict[str, Any]:
        assert section == "server"
        return self._info


@pytest.mark.parametrize(
    "info",
    [
        {"redis_version": "7.0.15", "redis_mode": "standalone"},
        {"redis_version": "8.4.0"},
        {"redis_version": "7.2.4", "valkey_version": "8.0.1", "redis_mode": "standalone"},
        {"redis_version": "7.2.4", "valkey_version": "10.0.0-rc1"},
    ],
)
async def test_servers_that_will_do(info: dict[str, Any]) -> None:
    await check_server(Client(**info), "cache:6379/0")  # type: ignore[arg-type] # stands in for one method


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14: the feature store needs Redis 7, Valkey 8"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.11"}, "Valkey 7.2.11"),
        ({"redis_version": "7.4.1", "redis_mode": "cluster"}, "runs as cluster.*single Redis"),
        ({"redis_version": "7.4.1", "redis_mode": "sentinel"}, "runs as sentinel"),
    ],
)
async def test_servers_that_will_not_do_are_refused_by_name(info: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"cache:6379/0 .*{message}"):
        await check_server(Client(**info), "cache:6379/0")  # type: ignore[arg-type] # stands in for one method


class Connection:
    """Answers with `replies`, raising those that are errors, and notes whether it was closed."""

    def __init__(self, *replies: Any) -> None:
        self._replies = iter(replies)
        self.closed = False

    def pack_commands(self, commands: Any) -> Any:
        return commands

    async def send_packed_command(self, command: Any) -> None:
        pass

    async def read_response(self) -> Any:
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, *, nowait: bool) -> None:
        assert nowait
        self.closed = True


async def test_an_error_reply_stands_in_its_place() -> None:
    full = OutOfMemoryError("full")
    connection: Any = Connection(1, full, 2)
    assert await call_many(connection, [["A"], ["B"], ["C"]]) == [1, full, 2]
    assert not connection.closed


async def test_a_connection_with_unread_replies_is_closed() -> None:
    connection: Any = Connection(1, BusyLoadingError("loading"), 2)
    with pytest.raises(BusyLoadingError):
        await call_many(connection, [["A"], ["B"], ["C"]])
    assert connection.closed


def test_delays_grow_to_their_cap_and_are_spread() -> None:
    waits = list(islice(delays(Random(1), first_s=0.05, cap_s=2.0), 12))
    full = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * 6]
    assert all(whole / 2 <= wait <= whole for wait, whole in zip(waits, full, strict=True))
    assert len(set(waits[6:])) == 6


def test_errors_are_named_by_what_to_do() -> None:
    ours = ConfigError("x")
    assert explain(ours, "cache:6379/0") is ours
    lost = explain(RedisConnectionError("gone"), "cache:6379/0")
    assert isinstance(lost, RetryError)
    assert str(lost) == "Redis at cache:6379/0: gone"
    assert str(explain(TimeoutError(), "cache:6379/0")) == "Redis at cache:6379/0: TimeoutError"
