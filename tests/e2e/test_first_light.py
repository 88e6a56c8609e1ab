"""Real ticks through a real worker: everything comes out once, and equal to an offline recomputation."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from redis import Redis

from streams.feeds.sample import PATH
from tests.e2e.offline import Offline
from tests.e2e.world import World, by_id, without_marks

TICKS = 50_000


async def test_fifty_thousand_real_ticks(make_world: Callable[..., World]) -> None:
    """Replayed at full speed: 50,000 features and signals, none missing, none twice, every byte as offline."""
    world = make_world()
    worker = world.start_worker()
    await worker.ready()
    replayed = world.faust("replay", str(PATH), "--speed", "max")
    assert replayed.returncode == 0, replayed.stderr
    assert f"{TICKS} acknowledged" in replayed.stdout

    signals = by_id(await world.read("signals", TICKS, worker=worker))
    features = by_id(await world.read("features", TICKS, worker=worker))
    ticks = await world.read("ticks", TICKS)
    assert len(without_marks(ticks)) == TICKS
    offline = Offline()
    expected = offline.features(ticks)
    assert len(expected) == TICKS
    assert features == expected
    assert signals == offline.signals(expected)
    assert await world.read("ticks-rejected", 0) == []

    assert worker.metric("hayate_features_total") == TICKS
    assert worker.metric("hayate_signals_total") == TICKS
    _check_redis(world, features)
    assert worker.stop() == 0


def _check_redis(world: World, features: dict[str, bytes]) -> None:
    """The latest hash is the newest record's; history keys have the specified names, values and lives."""
    newest = msgspec.json.decode(
        max(features.values(), key=lambda v: int(msgspec.json.decode(v)["id"].rsplit("-", 1)[1]))
    )
    with Redis.from_url(world.services.redis_url, decode_responses=True) as client:
        latest = client.hgetall("feature:ES:latest")
        assert latest["id"] == newest["id"]
        assert {n: float(latest[n]) for n, v in newest["values"].items() if v is not None} == {
            n: v for n, v in newest["values"].items() if v is not None
        }
        assert 0 < client.ttl("feature:ES:latest") <= 86_400
        keys = client.keys("feature:ES:sma_20:*")
        assert len(keys) > 100
        assert all(0 < client.ttl(key) <= 300 for key in keys[:50])
        by_second = _last_of_each_second(features)
        for key in keys:
            assert float(client.get(key)) == by_second[key.rsplit(":", 1)[1]]["values"]["sma_20"]


def _last_of_each_second(features: dict[str, bytes]) -> dict[str, dict[str, dict[str, float]]]:
    found = {}
    for value in sorted(map(msgspec.json.decode, features.values()), key=lambda v: int(v["id"].rsplit("-", 1)[1])):
        found[datetime.fromtimestamp(value["ts_ns"] // 10**9, UTC).strftime("%Y%m%d%H%M%S")] = value
    return found


async def test_bad_input_is_rejected_with_its_reason(make_world: Callable[..., World]) -> None:
    """Nothing crashes, nothing disappears: each bad record is in `ticks-rejected` as it came, the good ones go on."""
    world = make_world()
    worker = world.start_worker()
    good = b'{"symbol":"OK","ts_ns":1700000000000000000,"price":1.5,"colour":"red","nested":{"a":[1]}}'
    bad: list[tuple[str | None, bytes | None, str]] = [
        ("BAD", b'{"symbol":"BAD","ts_ns":1,', "bad-json"),
        ("BAD", b"\xff\xfe", "bad-json"),
        ("BAD", None, "bad-json"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":NaN}', "bad-json"),
        ("BAD", b'{"symbol":"BAD","ts_ns":"1","price":2}', "invalid"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":"2"}', "invalid"),
        ("BAD", b'{"ts_ns":1,"price":2}', "invalid"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":-2}', "bad-price"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":0}', "bad-price"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":1e999}', "invalid"),
        ("BAD", b'{"symbol":"BAD","price":2}', "bad-time"),
        ("BAD", b'{"symbol":"BAD","ts":"yesterday","price":2}', "bad-time"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1}', "empty"),
        ("B:D", b'{"symbol":"B:D","ts_ns":1,"price":2}', "bad-symbol"),
        (None, b'{"symbol":"BAD","ts_ns":1,"price":2}', "no-key"),
        ("OTHER", b'{"symbol":"BAD","ts_ns":1,"price":2}', "key-mismatch"),
        ("BAD", b'{"symbol":"BAD","ts_ns":1,"price":2,"x":"' + b"x" * 900_000 + b'"}', "too-large"),
        ("OK", b'{"symbol":"OK","ts_ns":1600000000000000000,"price":1.5}', "late"),
    ]
    async with world.producer() as producer:
        topic = f"{world.prefix}ticks"
        await producer.send_and_wait(topic, good, key=b"OK")
        for key, value, _ in bad:
            partition = None if key is not None else 3
            await producer.send_and_wait(topic, value, key=None if key is None else key.encode(), partition=partition)
        metadata = await producer.send_and_wait(topic, good, key=b"OK")
        misplaced = (metadata.partition + 1) % 8
        await producer.send_and_wait(topic, good, key=b"OK", partition=misplaced)

    rejected = await world.read("ticks-rejected", len(bad) + 1, worker=worker)
    features = await world.read("features", 2, worker=worker)
    assert len(features) == 2
    reasons = Counter(dict(record.headers)["reason"].decode() for record in rejected)
    assert reasons == Counter([reason for _, _, reason in bad] + ["wrong-partition"])
    originals = Counter((record.key, record.value) for record in rejected)
    sent = [(None if key is None else key.encode(), value) for key, value, _ in bad]
    assert originals == Counter([*sent, (b"OK", good)])
    for record in rejected:
        headers = dict(record.headers)
        assert headers["topic"].decode() == f"{world.prefix}ticks"
        assert int(headers["partition"]) == record.partition
        assert headers["detail"]
    assert worker.metric("hayate_ticks_rejected_total") == len(rejected)
    assert worker.stop() == 0
