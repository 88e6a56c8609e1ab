"""`faust -A app alerts`: what the workers and the audit had to say, and with `--follow` what they say from now on."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import click
import faust
import msgspec
from aiokafka.errors import KafkaError
from faust.cli import option

from agents.commands import OneShot
from agents.rejected_commands import selection_of
from streams.errors import RetryError, TopicError
from streams.kafka import topics
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.alerts import AlertSelection, FoundAlerts, Told, find_alerts
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import ALERTS
from streams.settings import Settings

SHOWN: Final = 20
SYMBOLS_SHOWN: Final = 10
LOOK_S: Final = 0.5
"""Between two looks of `--follow`."""
ALL_OF_THEM: Final = 1_000_000


def add_alerts_command(app: faust.App, settings: Settings) -> None:
    """Register `alerts` with Faust's command line."""

    @app.command(
        option("--kind", "kinds", multiple=True, help="such as drift, or a pattern such as 'audit-*'; several: any"),
        option("--symbol", "symbols", multiple=True, help="a symbol, or a pattern such as 'BTC/*'; several: any"),
        option("--since", default=None, metavar="TIME", help="written then or later: RFC 3339, or 90s, 15m, 3d ago"),
        option("--limit", default=SHOWN, show_default=True, type=click.IntRange(0), help="show so many, the newest"),
        option("--follow", is_flag=True, help="then show each one as it comes, until stopped"),
        option("--json", "as_json", is_flag=True, help="one JSON object; with --follow one a line for each alert"),
        base=OneShot,
    )
    async def alerts(
        self: OneShot,
        kinds: tuple[str, ...],
        symbols: tuple[str, ...],
        since: str | None,
        limit: int,
        follow: bool,
        as_json: bool,
    ) -> str:
        """What Hayate alerted about: how much by kind and symbol, and the newest alerts."""
        selection = AlertSelection(kinds, symbols, selection_of((), (), since, None).since_ms)
        topic, partitions = settings.topic(ALERTS), settings.partitions
        async with _log(settings) as log:
            found = await find_alerts(log, topic, partitions, selection, limit=limit)
            if not follow:
                return as_object(found) if as_json else "\n".join(described(found))
            lines = (_line(told) for told in found.alerts) if as_json else described(found)
            for line in lines:
                print(line, flush=True)
            while not self.stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), LOOK_S)
                found = await find_alerts(log, topic, partitions, selection, limit=ALL_OF_THEM, after=found.ends)
                for told in found.alerts:
                    print(_line(told) if as_json else "\n".join(_said(told)), flush=True)
        return "" if as_json else "stopped"


def described(found: FoundAlerts) -> Iterator[str]:
    """The summary, then the alerts."""
    yield f"{found.total} alerts" + (f", and {found.unreadable} records that are none" if found.unreadable else "")
    for what, counts in (("kind", found.kinds), ("symbol", found.symbols)):
        listed = ", ".join(f"{name} {count}" for name, count in counts.most_common(SYMBOLS_SHOWN))
        more = len(counts) - SYMBOLS_SHOWN
        yield f"by {what}: {listed or 'none'}" + (f", and {more} more" if more > 0 else "")
    if found.alerts and len(found.alerts) < found.total:
        yield f"the newest {len(found.alerts)}:"
    for one in found.alerts:
        yield from _said(one)


def as_object(found: FoundAlerts) -> str:
    """The same as one JSON object."""
    return json.dumps(
        {
            "total": found.total,
            "by_kind": dict(found.kinds.most_common()),
            "by_symbol": dict(found.symbols.most_common()),
            "alerts": [_object(told) for told in found.alerts],
        },
        indent=1,
    )


def _said(told: Told) -> Iterator[str]:
    one = told.alert
    yield f"{_shown_time(told.ts_ms)} {one.severity} {one.kind} {one.symbol}"
    yield f"    {one.message}"


def _object(told: Told) -> dict[str, object]:
    written = {"written_at": _shown_time(told.ts_ms), "place": f"{told.partition}@{told.offset}"}
    return {**written, **msgspec.to_builtins(told.alert)}


def _line(told: Told) -> str:
    return json.dumps(_object(told))


def _shown_time(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[LogReader]:
    name = settings.topic(ALERTS)
    try:
        async with connected_admin(KafkaAccess.of(settings)) as admin:
            if await topics.check(admin, [spec for spec in topics.specs(settings) if spec.name == name]):
                raise TopicError(f"missing on {settings.kafka_url}: {name}; create with: faust -A app topics")
        log = LogReader(KafkaAccess.of(settings), [name])
        await log.start()
        try:
            yield log
        finally:
            await log.stop()
    except KafkaError as error:
        raise RetryError(f"Kafka refuses or is away ({error!r}); run this again") from error
