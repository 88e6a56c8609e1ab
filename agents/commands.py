"""The commands beside `worker`: `faust -A app topics | replay | warm | simulate`."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import faust
from faust.cli import AppCommand, argument, option

from streams.errors import ConfigError, HayateError
from streams.feeds.producer import TickProducer
from streams.feeds.report import Report
from streams.feeds.run import replay as run_replay
from streams.feeds.run import run_simulation
from streams.kafka import topics as topic_specs
from streams.kafka.admin import connected_admin
from streams.kafka.topics import TICKS
from streams.marks import WARM_KIND
from streams.settings import Settings


class OneShot(AppCommand):
    """A command that runs to its end in one event loop; it prints a line, or the error on stderr with exit status 1."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run, with SIGINT and SIGTERM asking for an orderly end."""
        try:
            asyncio.run(self._main(*self.args, *args, **{**self.kwargs, **kwargs}))
        except HayateError as error:
            sys.exit(f"hayate: {error}")
        sys.exit(0)

    async def _main(self, *args: Any, **kwargs: Any) -> None:
        # aiokafka says as an error of its own what the one line on stderr says.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self.stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.stop.set)
        print(await self.run(*args, **kwargs))


def add_commands(app: faust.App, settings: Settings) -> None:
    """Register the commands with Faust's command line."""

    @app.command(base=OneShot)
    async def topics(self: OneShot) -> str:  # noqa: ARG001 - Faust's signature
        """Create the topics that do not exist yet; says what it did. Run it as often as you like."""
        wanted = topic_specs.specs(settings)
        async with connected_admin(settings.kafka_url) as client:
            created = await topic_specs.ensure(client, wanted)
        kept = len(wanted) - len(created)
        return f"created: {', '.join(created) or 'nothing'}; {kept} of {len(wanted)} topics were there already"

    @app.command(
        option("--speed", default="1", help="recorded pace times this number, or max"),
        option("--symbol", default=None, help="symbol of files that name none"),
        option("--limit", default=None, type=int, help="end after so many ticks"),
        option("--live-times", is_flag=True, help="shift event times so that the first tick is now"),
        option("--skip-bad", is_flag=True, help="count bad lines instead of ending at the first"),
        argument("files", nargs=-1, required=True, type=Path),
        base=OneShot,
    )
    async def replay(self: OneShot, files: tuple[Path, ...], speed: str, **options: Any) -> str:
        """Send the ticks of FILES (CSV or JSON lines, also .gz and .xz) to Kafka."""
        async with TickProducer(settings.kafka_url, settings.topic(TICKS)) as producer:
            report = await run_replay(files, producer, speed=parse_speed(speed), stop=self.stop, **options)
        return str(report)

    @app.command(
        option("--symbol", default=None, help="symbol of files that name none"),
        option("--limit", default=None, type=int, help="end after so many ticks"),
        option("--skip-bad", is_flag=True, help="count bad lines instead of ending at the first"),
        argument("files", nargs=-1, required=True, type=Path),
        base=OneShot,
    )
    async def warm(self: OneShot, files: tuple[Path, ...], **options: Any) -> str:
        """Fill the state from FILES, as `replay` reads them, before going live: folded, but nothing comes out."""
        async with TickProducer(settings.kafka_url, settings.topic(TICKS), kind=WARM_KIND) as producer:
            report = await run_replay(files, producer, speed=None, stop=self.stop, **options)
        return str(report)

    @app.command(
        option("--symbols", default=200, show_default=True, help="how many symbols"),
        option("--rate", default=1000.0, show_default=True, help="mean ticks per second over all symbols"),
        option("--seed", default=1, show_default=True, help="the same seed gives the same market"),
        option("--seconds", default=None, type=float, help="end after so many seconds"),
        option("--count", default=None, type=int, help="end after so many ticks"),
        base=OneShot,
    )
    async def simulate(self: OneShot, **options: Any) -> str:
        """Send a simulated market with quotes, trades, bursts and quiet symbols to Kafka, in real time."""
        async with TickProducer(settings.kafka_url, settings.topic(TICKS)) as producer:
            report: Report = await run_simulation(producer, stop=self.stop, **options)
        return str(report)


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
