"""A promoted version over real Kafka: its signals are those of the same version in a notebook, to the last bit."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from aiokafka import ConsumerRecord

from agents.decision.decisions import ACTIONS
from agents.decision.version import ModelVersion
from agents.models.records import Promotion, decode_record
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.headers import header
from streams.records import SOURCE, Signal, Tick
from tests.e2e.offline import Offline
from tests.e2e.world import World, by_id, without_marks
from tests.models import version

SET = FeatureSet.load("classics")
SYMBOLS = 6
START_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000
BEFORE, BEHIND = 600, 1_800
"""Ticks before the promotion, some of them while features warm up, and behind it."""


def ticks(first: int, count: int) -> list[tuple[str, bytes]]:
    """A random walk with quotes of `SYMBOLS` symbols in turn; the same for the same places."""
    noise = np.random.default_rng(8).standard_normal(BEFORE + BEHIND)
    price = 100.0 * np.exp(np.cumsum(noise) * 1e-4)
    found = []
    for i in range(first, first + count):
        symbol, mid = f"S{i % SYMBOLS}", float(np.round(price[i], 4))
        tick = Tick(symbol, START_NS + i * STEP_NS, price=mid, size=1.0 + i % 9, bid=mid - 0.01, ask=mid + 0.01)
        found.append((symbol, msgspec.json.encode(tick)))
    return found


def offline(folder: Path, log: Sequence[ConsumerRecord]) -> dict[str, Signal]:
    """Id -> what a notebook gets of the same ticks: one engine over all symbols, one call of the version."""
    decoded = [msgspec.json.decode(record.value, type=Tick) for record in log]
    folded = RealTimeFeatureEngine(SET).run(decoded)
    model = ModelVersion.from_folder(folder, SET)
    said = model.decide(folded.values, folded.price)
    return {
        f"{record.topic}-{record.partition}-{record.offset}": Signal(
            id=f"{record.topic}-{record.partition}-{record.offset}",
            symbol=tick.symbol,
            ts_ns=tick.ts_ns or 0,
            action=ACTIONS[said.action[i]],
            probability_up=float(said.probability_up[i]),
            confidence=float(said.confidence[i]),
            expected_return_bps=number(said.expected_return_bps[i]),
            risk=number(said.risk[i]),
            horizon_ms=said.horizon_ms,
            model=model.model,
            fallback=bool(said.fallback[i]),
            reason=said.reason[i],
            members={name: number(said.members[i, j]) for j, name in enumerate(said.names)},
            weights={name: float(said.effective_weights[i, j]) for j, name in enumerate(said.names)},
            schema=SET.version,
            high=bool(said.high[i]),
        )
        for i, (record, tick) in enumerate(zip(log, decoded, strict=True))
    }


def number(value: float) -> float | None:
    """As it stands in JSON."""
    return None if np.isnan(value) else float(value)


async def test_the_signals_of_a_version_are_those_of_a_notebook(make_world: Callable[..., World]) -> None:
    """The rules before the promised offsets, from there on the champion, every field of every record."""
    world = make_world(
        partitions=2,
        HAYATE_FEATURE_SET=SET.name,
        HAYATE_MODEL_ROLLBACK_AFTER="0",
        HAYATE_MODEL_DEADLINE_MS="10000",
    )
    registry = world.folder / "registry"
    world.settings["HAYATE_MODEL_REGISTRY"] = str(registry)
    made = version(SET, rows=900)
    folder = await asyncio.to_thread(made.write, registry)
    worker = world.start_worker()
    await worker.ready()
    await world.produce(ticks(0, BEFORE))
    await world.read("signals", BEFORE, worker=worker)
    await world.promote(made.manifest.model, worker)
    await world.produce(ticks(BEFORE, BEHIND))
    signals = by_id(received := await world.read("signals", BEFORE + BEHIND, worker=worker))
    log = sorted(without_marks(await world.read("ticks", BEFORE + BEHIND)), key=place)
    features = by_id(await world.read("features", BEFORE + BEHIND, worker=worker))
    (record,) = [decode_record(each.value) for each in await world.read("models", 1)]
    assert isinstance(record, Promotion), "no amendment: it was in time"
    rules, own = Offline(SET.name).signals(features), offline(folder, log)
    by_champion = 0
    for each in received:
        id_ = msgspec.json.decode(each.value)["id"]
        if int(header(each.headers, SOURCE) or -1) < record.first[each.partition]:
            assert each.value == rules[id_]
        else:
            by_champion += 1
            assert (own[id_].model, own[id_].reason) == (made.manifest.model, None)
            assert msgspec.json.decode(each.value, type=Signal) == own[id_]
            assert each.value == msgspec.json.encode(own[id_])
    assert len(signals) == BEFORE + BEHIND
    assert by_champion > BEHIND * 0.8
    assert worker.stop() == 0
    assert "not loaded" not in worker.log.read_text()


def place(record: ConsumerRecord) -> tuple[int, int]:
    """Of the log: a symbol's ticks in their order, for it lies in one partition."""
    return record.partition, record.offset
