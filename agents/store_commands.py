"""`faust -A app store show | verify | rebuild | promote`: what the feature store holds, whether it is right, and what
to do where it is not."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import click
import faust
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.cli import argument, option

from agents.commands import OneShot
from streams.errors import ConfigError, RetryError, ViewError
from streams.feature_set import FeatureSet
from streams.kafka.access import KafkaAccess
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.active import FeatureActive
from tables.features.clear import clear_features
from tables.features.healing import Healed
from tables.features.keys import BASE
from tables.features.setup import budget_for, client_for, healer_for, store_for, verifier_for
from tables.features.usage import megabytes

ACTIONS: Final = ("show", "verify", "rebuild", "promote")
PROGRESS_S: Final = 1.0
"""Interval of the progress line; what takes less shows none."""
SAID: Final = 20
"""Differences that are listed."""


def add_store_command(app: faust.App, settings: Settings) -> None:
    """Register `store` with Faust's command line."""

    @app.command(
        argument("action", type=click.Choice(ACTIONS)),
        argument("version", required=False),
        option("--sample", default=200, show_default=True, help="verify: seconds of history to compare"),
        option("--all", "everything", is_flag=True, help="verify: read all of the topic that can be alive"),
        option("--clear", is_flag=True, help="rebuild: remove what is there first"),
        base=OneShot,
    )
    async def store(
        self: OneShot,  # noqa: ARG001 - Faust's signature
        action: str,
        version: str | None,
        sample: int,
        everything: bool,
        clear: bool,
    ) -> str:
        """Look at the feature store in Redis: ACTION is show, verify, rebuild, or promote with the VERSION of a set."""
        if action == "promote":
            return await promote(settings, version)
        async with opened(settings) as (feature_set, held, log):
            if action == "show":
                return "\n".join([line async for line in described(settings, feature_set, held, log)])
            if action == "verify":
                return await verify(settings, feature_set, log, sample=sample, everything=everything)
            return await rebuild(settings, feature_set, held, log, clear=clear)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[FeatureSet, RealTimeFeatureStore, LogReader]]:
    """The settings' feature set, its store (which writes nothing by itself), and a reader of the topic."""
    feature_set = FeatureSet.load(settings.feature_set)
    held = store_for(settings, feature_set)
    log = LogReader(KafkaAccess.of(settings), [settings.topic(FEATURES)])
    try:
        await log.start()
        yield feature_set, held, log
    except KafkaError as error:
        raise RetryError(f"Kafka refuses or is away ({error!r}); run this again") from error
    finally:
        await log.stop()
        await held.stop()


async def verify(settings: Settings, feature_set: FeatureSet, log: LogReader, *, sample: int, everything: bool) -> str:
    """Compare Redis with the topic.

    Raises:
        ViewError: they differ; what differs is on standard output.
    """
    async with verifier_for(settings, feature_set, log, Random()) as verifier:  # noqa: S311 - a sample
        done = await verifier.verify(settings.partitions, sample=sample, everything=everything)
    compared = f"{done.symbols} symbols and {done.seconds} seconds of history ({done.records:,} records of the topic)"
    if not done.differences:
        return f"Redis has what the topic has: {compared}"
    for line in done.differences[:SAID]:
        print(line)
    raise ViewError(
        f"{len(done.differences)} differences between Redis and {settings.topic(FEATURES)} among {compared}; "
        "`faust -A app store rebuild` writes what the topic has"
    )


async def rebuild(
    settings: Settings, feature_set: FeatureSet, held: RealTimeFeatureStore, log: LogReader, *, clear: bool
) -> str:
    """Fill Redis from the topic, all that can be alive; workers may go on meanwhile. Their watermarks stay."""
    lines = []
    if clear:
        lines.append(f"removed {await clear_features(settings)} keys")
    healer = healer_for(settings, feature_set, held.filler, log)
    records = changed = 0
    for partition in range(settings.partitions):
        done = await healer.heal(partition, None, on_progress=Progress(partition))
        records, changed = records + done.records, changed + done.changed
    lines.append(f"{records:,} records of {settings.topic(FEATURES)} read, {changed:,} writes")
    return "\n".join(lines)


class Progress:
    """A line on stderr once a second."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._shown = time.monotonic()

    def __call__(self, done: Healed) -> None:
        """Tell how far it is."""
        if time.monotonic() - self._shown >= PROGRESS_S:
            self._shown = time.monotonic()
            left = done.reached - done.start
            print(f"features[{self._partition}]: {done.records:,} records read, {left:,} left at most", file=sys.stderr)


async def promote(settings: Settings, version: str | None) -> str:
    """Make a feature set the one that readers of the active set get."""
    if version is None:
        raise ConfigError(f"store promote: which feature set? give its version (`store show` lists them), or {BASE!r}")
    async with client_for(settings) as client:
        active = FeatureActive(client)
        before = await active.look()
        await active.promote(version)
        after = await active.look()
    return f"active feature set: {after or BASE} (before: {before or BASE})"


async def described(
    settings: Settings, feature_set: FeatureSet, held: RealTimeFeatureStore, log: LogReader
) -> AsyncIterator[str]:
    """What the store holds, and what it will need."""
    async with client_for(settings) as client:
        active, budget = FeatureActive(client), budget_for(settings, feature_set)
        now, versions = await active.look(), await active.versions()
        symbols = budget.symbols or await budget.known_symbols(client)
    usage = await held.usage()
    yield f"Redis at {held.address}, feature set {feature_set.name}@{feature_set.version}"
    yield f"active set: {now or BASE}; sets with symbols: {', '.join(versions) or 'none'}"
    yield f"will need: {budget.sentence(symbols)}"
    yield f"uses {megabytes(usage.used_bytes)} in {usage.keys:,} keys, all that is in it; {usage.limit()}"
    for warning in usage.warnings():
        yield f"- {warning}"
    yield ""
    yield "partition  watermark  end of features  behind"
    for partition in range(settings.partitions):
        for line in _place(partition, await held.filler.watermark(partition), await _end(settings, log, partition)):
            yield line


async def _end(settings: Settings, log: LogReader, partition: int) -> int:
    return (await log.bounds(TopicPartition(settings.topic(FEATURES), partition)))[1]


def _place(partition: int, watermark: int | None, end: int) -> Iterator[str]:
    shown = "-" if watermark is None else str(watermark)
    behind = str(end - (watermark or 0))
    yield f"{partition:<9}  {shown:<9}  {end:<15}  {behind}"
