"""`faust -A app audit`: what was served, held against slow definitions that share no code with the kernel."""

import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import click
import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.cli import option
from prometheus_client import CollectorRegistry, start_http_server

from agents.audit.alerts import AlertWriter
from agents.audit.auditor import Auditor, Plan, Store, Tell
from agents.audit.metrics import AuditMetrics
from agents.audit.report import described
from agents.audit.sample import active_symbols, sample
from agents.commands import OneShot
from streams.audit.finding import Finding
from streams.errors import ConfigError, FatalError, RetryError, TopicError
from streams.feature_set import FeatureSet
from streams.feeds.rfc3339 import parse_ns
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import ALERTS, FEATURES, TICKS, check, specs
from streams.records import SYMBOL_PATTERN
from streams.settings import Settings
from tables.features.setup import store_for

_AGO: Final = re.compile(r"([0-9]{1,9})([smhd])")
NOBODY_S: Final = 10.0
"""Follow: seconds until another look for symbols, while none can begin."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Asked:
    """The options."""

    symbols: tuple[str, ...]
    sample: int
    once: bool
    since_ms: int | None
    every: int
    share: float
    turn_s: float
    seconds: float | None
    seed: int | None
    redis: bool
    alerts: bool
    metrics_port: int | None


def add_audit_command(app: faust.App, settings: Settings) -> None:
    """Register `audit` with Faust's command line."""

    @app.command(
        option("--symbols", default="", help="these, separated by commas"),
        option("--sample", default=8, show_default=True, type=click.IntRange(1), help="else so many active ones"),
        option("--once/--follow", default=True, help="up to the log's end, or on and on", show_default=True),
        option("--since", default=None, metavar="TIME", help="begin at the first row behind it: RFC 3339, or 15m, 2h"),
        option("--every", default=1, show_default=True, type=click.IntRange(1), help="look at one record of so many"),
        option("--share", default=0.5, show_default=True, type=click.FloatRange(0.01), help="of one core, at most"),
        option("--turn", "turn_s", default=600.0, show_default=True, help="follow: seconds until another sample"),
        option("--seconds", default=None, type=float, help="follow: end after so many seconds"),
        option("--seed", default=None, type=int, help="of the sample"),
        option("--redis/--no-redis", default=True, help="compare the newest values in Redis too", show_default=True),
        option("--alerts/--no-alerts", default=True, help="write findings to the topic alerts", show_default=True),
        option("--metrics-port", default=None, type=click.IntRange(1, 65535), help="serve /metrics on 127.0.0.1"),
        base=OneShot,
    )
    async def audit(self: OneShot, symbols: str, since: str | None, **options: Any) -> str:
        """Recompute symbols from ticks by independent definitions, and compare with features and Redis.

        Exit status 1 where anything differs (with --once).
        """
        asked = Asked(symbols=parse_symbols(symbols), since_ms=since_ms(since), **options)
        return await run_audit(settings, asked, self.stop)


async def run_audit(settings: Settings, asked: Asked, stop: Any) -> str:
    """Carry it out.

    Raises:
        FatalError: something differs, after the report was printed. TopicError: a topic is missing. RetryError: Kafka
            refuses or is away.
    """
    feature_set = FeatureSet.load(settings.feature_set)
    metrics = AuditMetrics(CollectorRegistry())
    if asked.metrics_port is not None:
        _serve(metrics, asked.metrics_port)
    try:
        async with _connected(settings, feature_set, asked) as (log, store, tell):
            if asked.once:
                auditor = await _auditor(settings, feature_set, asked, log, store, tell, metrics)
                await auditor.once(stop)
                return _ended(auditor, asked)
            return await _follow(settings, feature_set, asked, stop, (log, store, tell, metrics))
    except KafkaError as error:
        raise RetryError(f"Kafka refuses or is away ({error!r}); run this again") from error


def _serve(metrics: AuditMetrics, port: int) -> None:
    metrics.process()
    try:
        start_http_server(port, addr="127.0.0.1", registry=metrics.registry)
    except OSError as error:
        raise ConfigError(f"--metrics-port {port}: {error.strerror}; name a port that is free") from None


async def _follow(
    settings: Settings,
    feature_set: FeatureSet,
    asked: Asked,
    stop: Any,
    means: tuple[LogReader, Store | None, Tell, AuditMetrics],
) -> str:
    """One turn after the other, each with its own sample."""
    end = None if asked.seconds is None else time.monotonic() + asked.seconds
    text = ""
    while not stop.is_set() and (end is None or time.monotonic() < end):
        auditor = await _auditor(settings, feature_set, asked, *means)
        left = None if end is None else end - time.monotonic()
        await auditor.follow(stop, min((s for s in (left, _turn_s(asked, auditor)) if s is not None), default=None))
        if auditor.starts:
            text = "\n".join(described(auditor, _wanted(asked)))
            print(text)
    return text.splitlines()[-1] if text else "nothing was audited"


def _turn_s(asked: Asked, auditor: Auditor) -> float | None:
    """None: symbols that were asked for and could all begin are followed on and on."""
    if not auditor.starts:
        return min(asked.turn_s, NOBODY_S)
    return None if asked.symbols and len(auditor.starts) == len(asked.symbols) else asked.turn_s


async def _auditor(
    settings: Settings,
    feature_set: FeatureSet,
    asked: Asked,
    log: LogReader,
    store: Store | None,
    tell: Tell,
    metrics: AuditMetrics,
) -> Auditor:
    symbols: Sequence[str] = asked.symbols
    if not symbols:
        known = await active_symbols(log, settings.topic(FEATURES), settings.partitions)
        symbols = sample(known, asked.sample, random.Random(asked.seed))  # noqa: S311 - guards no secret
    since = await _since(settings, asked, log)
    plan = Plan(tuple(symbols), every=asked.every, since=since, share=asked.share)
    auditor = Auditor(settings, feature_set, log, plan, tell, metrics, store=store)
    await auditor.open()
    return auditor


async def _since(settings: Settings, asked: Asked, log: LogReader) -> dict[int, int] | None:
    """Offsets of ticks to begin behind: of the time asked for; else, where it follows, those of now."""
    if asked.since_ms is None and asked.once:
        return None
    found = {}
    for partition in range(settings.partitions):
        tp = TopicPartition(settings.topic(TICKS), partition)
        _, end = await log.bounds(tp)
        at = None if asked.since_ms is None else await log.offset_at(tp, asked.since_ms)
        found[partition] = end if at is None else at
    return found


@asynccontextmanager
async def _connected(
    settings: Settings, feature_set: FeatureSet, asked: Asked
) -> AsyncIterator[tuple[LogReader, Store | None, Tell]]:
    needed = [spec for spec in specs(settings) if asked.alerts or spec.name != settings.topic(ALERTS)]
    async with connected_admin(KafkaAccess.of(settings)) as admin:
        missing = await check(admin, needed)
    if missing:
        raise TopicError(f"missing on {settings.kafka_url}: {missing[0].name}; `faust -A app topics` creates it")
    access = KafkaAccess.of(settings)
    async with AsyncExitStack() as stack:
        log = LogReader(access)
        await log.start()
        stack.push_async_callback(log.stop)
        store: Any = None
        if asked.redis:
            store = store_for(settings, feature_set)
            stack.push_async_callback(store.stop)
        tell: Callable[[Sequence[Finding]], Awaitable[None]] = _silent
        if asked.alerts:
            producer = AIOKafkaProducer(**access.client, acks="all", enable_idempotence=True)
            await stack.enter_async_context(producer)
            tell = AlertWriter(producer, settings.topic(ALERTS), settings.partitions).tell
        yield log, store, tell


async def _silent(findings: Sequence[Finding]) -> None:
    """Findings go to the report alone."""


def _wanted(asked: Asked) -> int:
    return len(asked.symbols)


def _ended(auditor: Auditor, asked: Asked) -> str:
    text = "\n".join(described(auditor, _wanted(asked)))
    if not auditor.findings:
        return text
    print(text)
    kinds = ", ".join(sorted({finding.kind for finding in auditor.findings}))
    raise FatalError(f"audit: {len(auditor.findings)} findings ({kinds}); docs/audit.md says what each means")


def parse_symbols(text: str) -> tuple[str, ...]:
    """`A,B` -> ("A", "B"); empty: none.

    Raises:
        ConfigError: one that no symbol can be.
    """
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for symbol in found:
        if not re.fullmatch(SYMBOL_PATTERN, symbol):
            raise ConfigError(f"--symbols {symbol}: no symbol is called so; see docs/records.md")
    return found


def since_ms(text: str | None, now: Callable[[], float] = time.time) -> int | None:
    """A time as Kafka counts: milliseconds since the epoch.

    Raises:
        ConfigError: a time that is none.
    """
    if text is None:
        return None
    if (ago := _AGO.fullmatch(text)) is not None:
        return round(now() * 1000) - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        return parse_ns(text) // 1_000_000
    except ValueError as error:
        raise ConfigError(
            f"--since {text}: {error}; write for example 2026-01-31T09:00:00Z, or 15m for a quarter of an hour ago"
        ) from None
