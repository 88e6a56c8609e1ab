"""`faust -A app export`: point-in-time rows of `features` as a training set."""

import time
from pathlib import Path
from typing import Any

import faust
from faust.cli import option

from agents.commands import OneShot
from agents.export import Exporter
from agents.state_commands import Progress
from streams.errors import TopicError
from streams.export.labels import parse_labels
from streams.export.selection import FIRST_NS, Selection, parse_symbols, parse_time
from streams.export.training_file import check_out
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, TICKS, check, specs
from streams.settings import Settings


def add_export_command(app: faust.App, settings: Settings) -> None:
    """Register `export` with Faust's command line."""

    @app.command(
        option("--from", "start", default="", help="first event time; default: what the log holds"),
        option("--to", "end", default="", help="event time to end before; default: now"),
        option("--symbols", default="", help="only these, separated by commas"),
        option("--as-known-at", default="", help="leave out what was not yet known at this time"),
        option("--schema", default="", help="version of the feature set, where the range holds several"),
        option("--labels", default="", help="such as horizon=10s,dead_band_bps=1"),
        option("--out", required=True, type=Path, help="file to write, .parquet or .csv"),
        base=OneShot,
    )
    async def export(self: OneShot, out: Path, **options: Any) -> str:
        """Write the feature records of [--from, --to) as they were known, one row each, by symbol and source offset.

        Times are RFC 3339 (2026-09-21T13:30:00Z) or dates (midnight, UTC).
        """
        check_out(out)
        labels = parse_labels(options["labels"]) if options["labels"] else None
        selection = selected(**options)
        async with connected_admin(KafkaAccess.of(settings)) as admin:
            needed = {settings.topic(FEATURES), settings.topic(TICKS)}
            missing = await check(admin, [spec for spec in specs(settings) if spec.name in needed])
        if missing:
            raise TopicError(f"missing on {settings.kafka_url}: {missing[0].name}; `faust -A app topics` creates it")
        log = LogReader(KafkaAccess.of(settings))
        await log.start()
        try:
            exporter = Exporter(
                settings,
                log,
                selection,
                labels,
                stop=self.stop,
                on_read=Progress("read of the features"),
                on_written=Progress("rows written"),
            )
            return str(await exporter.run(out))
        finally:
            await log.stop()


def selected(start: str, end: str, symbols: str, as_known_at: str, schema: str, **_: Any) -> Selection:
    """The selection that the options name.

    Raises:
        ConfigError: a time is none, or the range is empty.
    """
    return Selection(
        parse_time("--from", start) if start else FIRST_NS,
        parse_time("--to", end) if end else time.time_ns(),
        parse_time("--as-known-at", as_known_at) if as_known_at else None,
        parse_symbols(symbols),
        schema,
    )
