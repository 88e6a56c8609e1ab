"""Models swapped in quick succession under load, a worker killed in the middle: nothing lost, nothing twice, and every
signal by the model that the log says. `SWAPS=1000` for the long run."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
from aiokafka import ConsumerRecord

from agents.models.journal import Journal
from agents.models.plan import PartitionPlan, canary_takes
from agents.models.promise import first_offsets
from agents.models.records import Amendment, Promotion, Record, decode_record
from streams.feature_set import FeatureSet
from streams.headers import header
from streams.kafka.access import KafkaAccess
from streams.kafka.log_reader import LogReader
from streams.records import SOURCE
from tests.agents.models.logs import read
from tests.e2e.world import World, without_marks
from tests.faults.arena import Arena
from tests.models import Made, version

SWAPS = int(os.environ.get("SWAPS") or 100)
RATE = 400
LEAD_S = 0.4
PAUSE_S = 0.05
RULES = "rules@1"


def made() -> list[Made]:
    """Three versions for the feature set that the workers run."""
    feature_set = FeatureSet.load("classics")
    return [version(feature_set, members=("lightgbm",), stacker=False, rows=600, seed=seed) for seed in range(3)]


@contextmanager
def load(world: World) -> Iterator[None]:
    """A simulated market until the end."""
    feed = world.feed("simulate", "--symbols", "60", "--rate", str(RATE))
    try:
        yield
    finally:
        feed.send_signal(signal.SIGINT)
        feed.wait(60)


def next_promotion(rng: random.Random, models: list[str], first: Mapping[int, int]) -> Promotion:
    """Any role, any model, or nobody."""
    role = rng.choice(["champion", "champion", "canary", "challenger"])
    model = rng.choice(models) if rng.random() < 0.9 else None
    share = rng.random() if role == "canary" else 0.0
    return Promotion(id=uuid4().hex, role=role, model=model, share=share, first=dict(first), by="test")  # type: ignore[arg-type]


async def swap(world: World, models: list[str], rng: random.Random, count: int) -> None:
    """Write so many promotions, each a little ahead of the present, and some of them into the past."""
    features, topic = f"{world.prefix}features", f"{world.prefix}models"
    access = KafkaAccess.at(world.services.kafka_url)
    log = LogReader(access, [features, topic])
    journal = Journal(access, topic, log)
    await journal.start()
    try:
        for _ in range(count):
            lead_s = 0.0 if rng.random() < 0.2 else LEAD_S
            first = await first_offsets(log, features, world.partitions, lead_s)
            await journal.write(next_promotion(rng, models, first))
            await asyncio.sleep(PAUSE_S)
    finally:
        await journal.close()


def wanted_model(plan: PartitionPlan, offset: int, symbol: str) -> str:
    """Who serves a record, by the log alone."""
    assigned = plan.look(offset)
    if assigned.canary is not None and canary_takes(symbol, assigned.canary_share):
        return assigned.canary
    return assigned.champion or RULES


def check_signals(signals: list[ConsumerRecord], plans: list[PartitionPlan]) -> dict[str, int]:
    """Every signal is by the model of the plan; how many were by each."""
    by_model: dict[str, int] = {}
    wrong = []
    for record in signals:
        source = header(record.headers, SOURCE)
        assert source is not None
        said = msgspec.json.decode(record.value)
        wanted = wanted_model(plans[record.partition], int(source), said["symbol"])
        if said["reason"] == "unusable":  # the record lacks what any version needs: its own property, at every replay
            assert said["fallback"]
            wanted = RULES
        if said["model"] != wanted or said["fallback"] != (said["reason"] == "unusable"):
            wrong.append((record.partition, int(source), said["model"], wanted, said["reason"]))
        by_model[said["model"]] = by_model.get(said["model"], 0) + 1
    assert wrong == []
    return by_model


def sources(records: list[ConsumerRecord]) -> list[tuple[int, int]]:
    """(partition, source offset) of each output, sorted."""
    return sorted((record.partition, int(header(record.headers, SOURCE) or -1)) for record in records)


async def test_swaps_under_load_lose_and_double_nothing(
    make_arena: Callable[..., Awaitable[Arena]], seed: int, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    models = []
    for each in made():
        each.write(registry)
        models.append(each.manifest.model)
    arena = await make_arena(
        HAYATE_FEATURE_SET="classics",
        HAYATE_MODEL_REGISTRY=str(registry),
        HAYATE_MODEL_ROLLBACK_AFTER="0",
        # A busy machine is not what this is about: a time-out would be another rung's signal, as it should be.
        HAYATE_MODEL_DEADLINE_MS="10000",
    )
    world, rng = arena.world, random.Random(seed)
    worker = world.start_worker()
    await worker.ready()
    with load(world):
        await swap(world, models, rng, SWAPS // 2)
        # Until every late switch is in the log: what a kill between the two leaves is said in docs/models.md.
        await world.read("models", SWAPS // 2, worker=worker, idle_s=1.0)
        worker.stop(signal.SIGKILL)
        worker = world.start_worker()
        await worker.ready()
        await swap(world, models, rng, SWAPS - SWAPS // 2)
    ticks = without_marks(await world.read("ticks", 1))
    features = without_marks(await world.read("features", len(ticks), worker=worker))
    signals = await world.read("signals", len(features), worker=worker)
    assert sources(signals) == sorted((record.partition, record.offset) for record in features)
    log: list[Record] = []
    for record in await world.read("models", SWAPS):
        decoded = decode_record(record.value)
        assert decoded is not None
        log.append(decoded)
    plans = [read(log, partition) for partition in range(world.partitions)]
    by_model = check_signals(signals, plans)
    assert by_model.keys() >= {*models}
    late = sum(isinstance(record, Amendment) for record in log)
    arena.say(f"{SWAPS} swaps, {late} amendments, {len(signals)} signals: {by_model}")
    shadows = [msgspec.json.decode(record.value) for record in await world.read("signals-shadow", 1, worker=worker)]
    assert {shadow["model"] for shadow in shadows} <= {*models}
    print(arena.said[-1])
