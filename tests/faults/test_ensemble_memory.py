"""kill -9 while weights are learnt and signals are thinned out: those that come are those of a run without a kill."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

from agents.decision.emission import parse_emission
from agents.decision.models import Assignment, FixedPlan
from streams.feature_set import FeatureSet
from tests.agents.fake_models import FakeModels
from tests.agents.signalling.ensemble_bench import Bench, FakeTable
from tests.faults import collect
from tests.faults.arena import Arena
from tests.models import version

MakeArena = Callable[..., Awaitable[Arena]]
KILLS = 4
RATE = 2_000.0
"""So that features are ready, after 50 trades of a symbol, soon."""
EMIT = "2500ms"
SET = FeatureSet.load("classics")


async def test_what_was_learnt_survives(make_arena: MakeArena, seed: int) -> None:
    """Two workers take turns at being killed; every partition's signals, in order and byte for byte."""
    made = version(SET, members=("lightgbm", "logistic"), horizon_ms=1_000)
    arena = await make_arena(
        HAYATE_FEATURE_SET=SET.name,
        HAYATE_WEIGHTS="dynamic",
        HAYATE_EMIT=EMIT,
        HAYATE_MODEL_DEADLINE_MS="10000",
        HAYATE_MODEL_ROLLBACK_AFTER="0",  # the model is right about nothing, and would be taken back
    )
    registry = arena.world.folder / "registry"
    await asyncio.to_thread(made.write, registry)
    arena.world.settings["HAYATE_MODEL_REGISTRY"] = str(registry)
    promoted = await asyncio.to_thread(arena.world.faust, "models", "promote", made.manifest.model, "--lead", "0")
    assert promoted.returncode == 0, promoted.stderr
    workers = {name: arena.start(name) for name in ("one", "two")}
    for worker in workers.values():
        await worker.ready()
    arena.start_load(rate=RATE)
    rng = random.Random(seed)
    for turn in range(KILLS):
        await asyncio.sleep(rng.uniform(1.5, 4.0))
        name = ("one", "two")[turn % 2]
        arena.signal(workers[name], signal.SIGKILL, name)
        await asyncio.to_thread(workers[name].process.wait)
        workers[name] = arena.start(name)
    await workers[name].ready()
    await asyncio.sleep(2.0)
    await arena.stop_load()
    await arena.drained()
    await check(arena, made.load())


async def check(arena: Arena, version: object) -> None:
    """Against one job that reads each partition of `features` from the first to the last record."""
    servers, partitions = arena.world.services.bootstrap_servers, arena.world.partitions
    features = await collect.read_topic(servers, arena.topic("features"), partitions)
    signals = await collect.read_topic(servers, arena.topic("signals"), partitions)
    models = FakeModels()
    models.assigned = FixedPlan((1, Assignment(champion=models.add(version))))
    thinned = learnt = 0
    for partition in range(partitions):
        mine = [record for record in features if record.partition == partition]
        bench = Bench(models, feature_set=SET, dynamic=True, emission=parse_emission(EMIT), table=FakeTable())
        found = bench.feed(mine)
        expected = [value for _, value in bench.of("signals")]
        got = [record.value for record in signals if record.partition == partition]
        assert got == expected, f"partition {partition}: {len(got)} signals, not {len(expected)}\n{arena.report()}"
        thinned += len(mine) - len(found)
        learnt += len({tuple(each["weights"].values()) for each in found})
    arena.say(f"{len(features)} features, {len(signals)} signals, {learnt} sets of weights")
    assert thinned > 0.05 * len(features)
    assert learnt > 10 * partitions
