"""`faust -A app state show | reset | migrate`: what there is of the state, and what to do where it does not fit."""

import re
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import get_args

import click
import faust
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.cli import argument, option

from agents.commands import OneShot
from agents.decision.decisions import ACTIONS as SIGNALS
from streams.errors import ConfigError, RetryError, StateError
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.client import guard_requests
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, TICKS, changelog_name
from streams.settings import Settings
from tables.ensemble_state import decode_memory, floats
from tables.features.clear import clear_features
from tables.indicator_state import decode_row
from tables.state_migrate import migrate, plan_migration
from tables.state_reset import Start, plan_reset, reset
from tables.state_survey import Finding, Survey, survey

ACTIONS = ("show", "reset", "migrate")
PROGRESS_S = 1.0
"""Interval of the progress line; what takes less shows none."""


def add_state_command(app: faust.App, settings: Settings) -> None:
    """Register `state` with Faust's command line."""

    @app.command(
        argument("action", type=click.Choice(ACTIONS)),
        argument("old", required=False),
        option("--symbol", default=None, help="show: the row of one symbol"),
        option("--yes", is_flag=True, help="reset: do it"),
        option(
            "--from",
            "start",
            type=click.Choice(get_args(Start)),
            default="earliest",
            show_default=True,
            help="reset: which tick comes next",
        ),
        option("--outputs", is_flag=True, help="reset: delete features, signals and rejects as well"),
        base=OneShot,
    )
    async def state(
        self: OneShot,  # noqa: ARG001 - Faust's signature
        action: str,
        old: str | None,
        symbol: str | None,
        yes: bool,
        start: Start,
        outputs: bool,
    ) -> str:
        """Show, reset or migrate the indicators' state: ACTION is show, reset, or migrate with the OLD feature set."""
        try:
            if action == "show":
                return await show(settings, symbol)
            if action == "reset":
                return await run_reset(settings, start=start, outputs=outputs, yes=yes)
            if old is None:
                raise ConfigError("state migrate: which feature set wrote the rows? give its name or TOML file")
            return await run_migration(settings, old)
        except KafkaError as error:
            raise RetryError(f"Kafka refuses or is away ({error!r}); nothing is half done, run this again") from error


async def show(settings: Settings, symbol: str | None) -> str:
    """The state in words; of one symbol its row."""
    key = None if symbol is None else symbol.encode()
    async with _connected(settings) as (admin, log):
        found = await survey(
            settings,
            FeatureSet.load(settings.feature_set),
            admin,
            log,
            wanted=lambda k: k == key,
            on_progress=Progress(),
        )
    return "\n".join(_described(found) if key is None else _row(found, key))


async def run_reset(settings: Settings, *, start: Start, outputs: bool, yes: bool) -> str:
    """Carry a reset out, or say what it would do."""
    async with _connected(settings) as (admin, log):
        found = await survey(settings, FeatureSet.load(settings.feature_set), admin, log, on_progress=Progress())
        plan = plan_reset(found, start=start, outputs=outputs)
        if not yes:
            return "\n".join(["would:", *(f"  {step}" for step in plan.steps), "do it with --yes"])
        await reset(plan, admin, lambda step: print(step, file=sys.stderr))
    if outputs:
        print(f"removed {await clear_features(settings)} keys from Redis", file=sys.stderr)
    return "\n".join(["done:", *(f"  {step}" for step in plan.steps)])


async def run_migration(settings: Settings, old: str) -> str:
    """Carry a migration out."""
    async with _connected(settings) as (admin, log):
        found = await survey(settings, FeatureSet.load(settings.feature_set), admin, log, on_progress=Progress())
        plan = plan_migration(found, FeatureSet.load(old))
        producer = AIOKafkaProducer(**KafkaAccess.of(settings).client, acks="all", enable_idempotence=True)
        guard_requests(producer.client)
        async with producer:
            converted = await migrate(plan, admin, log, producer, Progress("converted"))
    return "\n".join([f"{converted} rows converted:", *(f"  {step}" for step in plan.steps)])


class Progress:
    """A line on stderr once a second."""

    def __init__(self, what: str = "read of the changelog") -> None:
        self._what = what
        self._shown = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Tell of `done` out of `total`."""
        if time.monotonic() - self._shown >= PROGRESS_S:
            self._shown = time.monotonic()
            print(f"{self._what}: {done:,} of {total:,} ({100 * done // max(total, 1)}%)", file=sys.stderr)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[tuple[AIOKafkaAdminClient, LogReader]]:
    async with connected_admin(KafkaAccess.of(settings)) as admin:
        log = LogReader(KafkaAccess.of(settings))
        await log.start()
        try:
            yield admin, log
        finally:
            await log.stop()


def _described(found: Survey) -> Iterator[str]:
    settings, layout = found.settings, found.feature_set.layout_hash
    yield f"group {settings.group}: {', '.join(str(member) for member in found.members) or 'no members'}"
    yield f"feature set {found.feature_set.name}: layout {layout:016x}, {found.feature_set.width} numbers a row"
    yield ""
    header = ("partition", "input", "committed", "end", "lag", "symbols", "newest row", "changelog", "layout of rows")
    table = [header, *_lines(found)]
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    kinds: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in found.findings:
        topic = finding.where.partition("[")[0]
        kinds[topic, re.sub(r"[0-9]+", "0", finding.what), finding.remedy].append(finding)
    yield ""
    yield "what does not fit, and what resolves it:" if kinds else "everything fits"
    for first, *others in kinds.values():
        yield f"- {first}" + (f" (and {len(others)} more partitions)" if others else "")
        yield f"    {first.remedy}"


def _lines(found: Survey) -> Iterator[tuple[str, ...]]:
    for name, places in ((TICKS, found.ticks), (FEATURES, found.features)):
        for partition, place in places.items():
            rows = found.rows.get(partition) if name == TICKS else found.memories.get(partition)
            if name == FEATURES and rows is not None and not rows.records:
                rows = None  # the ensemble remembers nothing
            heads = [] if rows is None else list(rows.heads.values())
            layouts = sorted({head.layout for head in heads})
            yield (
                str(partition),
                found.settings.topic(name),
                "-" if place.committed is None else str(place.committed),
                str(place.end),
                str(place.lag),
                str(len(heads)) if rows is not None else "",
                str(max((head.offset for head in heads), default="-")) if rows is not None else "",
                str(rows.records) if rows is not None else "",
                " ".join(f"{layout:016x}" for layout in layouts),
            )


def _memory(symbol: str, partition: int, value: bytes) -> Iterator[str]:
    """What the ensemble remembers of a symbol."""
    offset, memory = decode_memory(value, symbol)
    last = SIGNALS[memory.action] if memory.action >= 0 else "none"
    yield f"{symbol}: the ensemble remembers, in partition {partition} at offset {offset}: last signal {last}"
    if memory.model:
        weights = " ".join(f"{weight:.3f}" for weight in floats(memory.weights))
        yield f"  model {memory.model}, weights {weights}, {len(memory.base) // 8} decisions wait for their label"


def _row(found: Survey, key: bytes) -> Iterator[str]:
    symbol, settings = key.decode(), found.settings
    values = [(partition, rows.values[key]) for partition, rows in found.rows.items() if key in rows.values]
    if not values:
        raise StateError(
            f"{symbol} has no row in {changelog_name(settings)}: no tick of it was folded, or none yet saved"
        )
    for partition, memories in found.memories.items():
        if key in memories.values:
            yield from _memory(symbol, partition, memories.values[key])
    for partition, value in values:
        head = found.rows[partition].heads[key]
        where = f"partition {partition}, source offset {head.offset}, ts_ns {head.ts_ns}"
        yield f"{symbol}: {where}, layout {head.layout:016x}"
        if partition != partition_of(key, settings.partitions):
            yield f"  its key belongs to partition {partition_of(key, settings.partitions)} of {settings.partitions}"
        if head.layout != found.feature_set.layout_hash:
            yield "  written by another feature set: HAYATE_FEATURE_SET names the one whose outputs are shown"
            continue
        feature_set = found.feature_set
        row = decode_row(value, symbol=symbol, layout=feature_set.layout_hash, width=feature_set.width)
        for name, number in feature_set.last_values(row.state).items():
            yield f"  {name} {number!r}"
