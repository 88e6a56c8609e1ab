"""`faust -A app replay | warm`: the ticks of files to Kafka."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.cli import argument, option

from agents.commands import MARKS, OneShot
from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping, load_mapping
from streams.feeds.producer import TickProducer
from streams.feeds.run import replay as run_replay
from streams.kafka.access import KafkaAccess
from streams.kafka.topics import TICKS
from streams.marks import WARM_KIND
from streams.settings import Settings

FILES: list[Callable[[Any], Any]] = [
    option("--symbol", default=None, help="symbol of files that name none"),
    option("--columns", default=None, help="columns with other names: price=Price,ts=Time"),
    option("--mapping", default=None, type=Path, help="TOML file of columns, times, sides, constants"),
    option("--date", default=None, help="day of times without one: 2025-03-17"),
    option("--zone", default=None, help="time zone of times without one: Asia/Tokyo"),
    option("--limit", default=None, type=int, help="end after so many ticks"),
    option("--skip-bad", is_flag=True, help="count bad lines instead of ending at the first"),
    argument("files", nargs=-1, required=True, type=Path),
]
"""What both commands know about files."""


def add_replay_commands(app: faust.App, settings: Settings) -> None:
    """Register `replay` and `warm` with Faust's command line."""

    @app.command(
        option("--speed", default="1", help="recorded pace times this number, or max"),
        option("--max-pause", default="5", help="longest wait between two ticks in seconds, or inf"),
        option("--times", default=1, type=int, help="repeat so often, event time going on"),
        option("--period", default=None, type=float, help="seconds from one repetition to the next: 86400"),
        option("--live-times", is_flag=True, help="shift event times so that the first tick is now"),
        *MARKS,
        *FILES,
        base=OneShot,
    )
    async def replay(
        self: OneShot,
        files: tuple[Path, ...],
        speed: str,
        no_clock_marks: bool,
        references: Sequence[str],
        **options: Any,
    ) -> str:
        """Send the ticks of FILES (CSV, JSON lines, both also .gz and .xz, Parquet) to Kafka."""
        max_pause_s = parse_pause(options.pop("max_pause"))
        period_s = options.pop("period")
        mapping = mapping_of(options)
        async with TickProducer(KafkaAccess.of(settings), settings.topic(TICKS), references=references) as producer:
            report = await run_replay(
                files,
                producer,
                speed=parse_speed(speed),
                clock_marks=not no_clock_marks,
                max_pause_s=max_pause_s,
                period_s=period_s,
                mapping=mapping,
                stop=self.stop,
                **options,
            )
        return str(report)

    @app.command(*FILES, base=OneShot)
    async def warm(self: OneShot, files: tuple[Path, ...], **options: Any) -> str:
        """Fill the state from FILES, as `replay` reads them, before going live: folded, but nothing comes out."""
        mapping = mapping_of(options)
        async with TickProducer(KafkaAccess.of(settings), settings.topic(TICKS), kind=WARM_KIND) as producer:
            report = await run_replay(files, producer, speed=None, mapping=mapping, stop=self.stop, **options)
        return str(report)


def mapping_of(options: dict[str, Any]) -> ColumnMapping:
    """Take the options of a mapping out of `options` and put them together; what the line names wins over the file.

    Raises:
        ConfigError: naming the option or the entry of the file.
    """
    path, columns = options.pop("mapping"), options.pop("columns")
    mapping = ColumnMapping() if path is None else load_mapping(path)
    if columns is not None:
        mapping = mapping.with_columns(columns)
    return mapping.with_time(date=options.pop("date"), zone=options.pop("zone"))


def parse_speed(text: str) -> float | None:
    """`10` -> 10.0, `max` -> None.

    Raises:
        ConfigError: anything else.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ConfigError(f"--speed {text}: give a number above 0, or max")
    return speed


def parse_pause(text: str) -> float:
    """`2.5` -> 2.5, `inf` -> infinity.

    Raises:
        ConfigError: anything else.
    """
    try:
        pause = float(text)
    except ValueError:
        pause = 0.0
    if not pause > 0:
        raise ConfigError(f"--max-pause {text}: give a number of seconds above 0, or inf")
    return pause
