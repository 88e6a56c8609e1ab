"""`faust -A app rejected` and `faust -A app requeue`: what was rejected and why, and a selection of it put back."""

import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import click
import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.cli import option

from agents.commands import OneShot
from agents.requeue import plan_requeue, put_back
from agents.state_commands import Progress
from streams.errors import ConfigError, RetryError, TopicError
from streams.feeds.rfc3339 import parse_ns
from streams.kafka import topics
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.client import guard_requests
from streams.kafka.log_reader import LogReader
from streams.kafka.rejects import Found, Rejected, Selection, find
from streams.kafka.topics import REJECTED, TICKS
from streams.settings import Settings

SHOWN: Final = 20
MOST: Final = 100_000
"""Records that one requeue takes."""
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
VALUE_CHARS: Final = 100
SYMBOLS_SHOWN: Final = 10
_AGO: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


SELECTION: Final = (
    option("--reason", "reasons", multiple=True, help="such as jump; several: any of them"),
    option("--symbol", "symbols", multiple=True, help="a symbol, or a pattern such as 'BTC/*'; several: any of them"),
    option("--since", default=None, metavar="TIME", help="rejected then or later: RFC 3339, or 90s, 15m, 2h, 3d ago"),
    option("--until", default=None, metavar="TIME", help="rejected before that"),
)


def add_rejected_commands(app: faust.App, settings: Settings) -> None:
    """Register `rejected` and `requeue` with Faust's command line."""

    @app.command(
        *SELECTION,
        option("--limit", default=SHOWN, show_default=True, type=click.IntRange(0), help="show so many, the newest"),
        option("--json", "as_json", is_flag=True, help="one JSON object with everything, details whole"),
        base=OneShot,
    )
    async def rejected(self: OneShot, limit: int, as_json: bool, **asked: Any) -> str:  # noqa: ARG001 - Faust's
        """What was rejected: how much by reason and symbol, and the newest records."""
        async with _log(settings) as log:
            found = await find(log, settings.topic(REJECTED), settings.partitions, selection_of(**asked), limit=limit)
        return as_object(found) if as_json else "\n".join(described(found))

    @app.command(
        *SELECTION,
        option("--limit", default=MOST, show_default=True, type=click.IntRange(1), help="at most so many, the newest"),
        option("--again", is_flag=True, help="also what was put back before"),
        option("--yes", is_flag=True, help="do it"),
        base=OneShot,
    )
    async def requeue(self: OneShot, limit: int, again: bool, yes: bool, **asked: Any) -> str:  # noqa: ARG001
        """Put rejected records back into ticks, where they are judged anew. Says what it would do; --yes does it."""
        return await run_requeue(settings, selection_of(**asked), limit=limit, again=again, yes=yes)


async def run_requeue(settings: Settings, selection: Selection, *, limit: int, again: bool, yes: bool) -> str:
    """Carry it out, or say what it would do.

    Raises:
        ConfigError: nothing is selected by. RetryError: Kafka refuses or is away.
    """
    if selection == Selection():
        raise ConfigError("requeue: of everything? select by --reason, --symbol, --since or --until")
    ticks, topic, n = settings.topic(TICKS), settings.topic(REJECTED), settings.partitions
    async with _log(settings) as log:
        found = await find(log, topic, n, selection, limit=limit)
        plan = await plan_requeue(log, found.records, ticks=ticks, partitions=n, again=again)
    steps = [f"  {step}" for step in plan.steps]
    if found.total > len(found.records):
        steps.append(f"  leave out the {found.total - len(found.records)} oldest: --limit is {limit}")
    if not yes or not plan.copies:
        return "\n".join(["would:", *steps, *(["do it with --yes"] if plan.copies else [])])
    producer = AIOKafkaProducer(
        **KafkaAccess.of(settings).client,
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_REQUEST_BYTES,
    )
    guard_requests(producer.client)
    async with producer:
        await put_back(plan, producer, Progress("put back"))
    return "\n".join(["done:", *steps])


def selection_of(reasons: tuple[str, ...], symbols: tuple[str, ...], since: str | None, until: str | None) -> Selection:
    """What the options ask for.

    Raises:
        ConfigError: a time that is none.
    """
    return Selection(reasons, symbols, _time_ms("--since", since), _time_ms("--until", until))


def _time_ms(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if (ago := _AGO.fullmatch(text)) is not None:
        return round(time.time() * 1000) - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        return parse_ns(text) // 1_000_000
    except ValueError as error:
        raise ConfigError(
            f"{name} {text}: {error}; write for example 2026-01-31T09:00:00Z, or 15m for a quarter of an hour ago"
        ) from None


def described(found: Found) -> Iterator[str]:
    """The summary, then the records, one line each and one with what was wrong."""
    yield f"{found.total} of {found.read} rejected records"
    for what, counts in (("reason", found.reasons), ("symbol", found.symbols)):
        listed = ", ".join(f"{name} {count}" for name, count in counts.most_common(SYMBOLS_SHOWN))
        more = len(counts) - SYMBOLS_SHOWN
        yield f"by {what}: {listed or 'none'}" + (f", and {more} more" if more > 0 else "")
    if found.records and len(found.records) < found.total:
        yield f"the newest {len(found.records)}:"
    for one in found.records:
        yield f"{_shown_time(one)} {one.source_partition}@{one.source_offset} {one.reason} {one.symbol}"
        yield f"    {one.detail}"
        yield f"    {one.text(VALUE_CHARS)}"


def as_object(found: Found) -> str:
    """The same as one JSON object."""
    return json.dumps(
        {
            "read": found.read,
            "total": found.total,
            "by_reason": dict(found.reasons.most_common()),
            "by_symbol": dict(found.symbols.most_common()),
            "records": [
                {
                    "rejected_at": _shown_time(one),
                    "place": f"{one.partition}@{one.offset}",
                    "topic": one.topic,
                    "partition": one.source_partition,
                    "offset": one.source_offset,
                    "reason": one.reason,
                    "symbol": one.symbol,
                    "detail": one.detail,
                    "value": one.text(4 * VALUE_CHARS),
                }
                for one in found.records
            ],
        },
        indent=1,
    )


def _shown_time(one: Rejected) -> str:
    return datetime.fromtimestamp(one.ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[LogReader]:
    names = [settings.topic(name) for name in (REJECTED, TICKS)]
    try:
        async with connected_admin(KafkaAccess.of(settings)) as admin:
            if missing := await topics.check(admin, [spec for spec in topics.specs(settings) if spec.name in names]):
                raise TopicError(
                    f"missing on {settings.kafka_url}: {', '.join(spec.name for spec in missing)}; create with: "
                    "faust -A app topics"
                )
        log = LogReader(KafkaAccess.of(settings), names)
        await log.start()
        try:
            yield log
        finally:
            await log.stop()
    except KafkaError as error:
        raise RetryError(f"Kafka refuses or is away ({error!r}); nothing is half done, run this again") from error
