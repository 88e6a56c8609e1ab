"""The commands beside `worker`: `faust -A app topics | simulate`."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import faust
from faust.cli import AppCommand, option

from streams.errors import HayateError
from streams.feeds.producer import TickProducer
from streams.feeds.report import Report
from streams.feeds.run import run_simulation
from streams.kafka import topics as topic_specs
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.topics import TICKS
from streams.settings import Settings

MARKS: list[Callable[[Any], Any]] = [
    option("--no-clock-marks", is_flag=True, help="another process writes the marks of this clock, or nobody"),
    option("--reference", "references", multiple=True, help="copy this symbol's ticks into every partition"),
]
"""What every command that produces ticks knows about the records between them."""


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
        async with connected_admin(KafkaAccess.of(settings)) as client:
            created = await topic_specs.ensure(client, wanted)
        kept = len(wanted) - len(created)
        return f"created: {', '.join(created) or 'nothing'}; {kept} of {len(wanted)} topics were there already"

    @app.command(
        option("--symbols", default=200, show_default=True, help="how many symbols"),
        option("--rate", default=1000.0, show_default=True, help="mean ticks per second over all symbols"),
        option("--seed", default=1, show_default=True, help="the same seed gives the same market"),
        option("--seconds", default=None, type=float, help="end after so many seconds"),
        option("--count", default=None, type=int, help="end after so many ticks"),
        *MARKS,
        base=OneShot,
    )
    async def simulate(self: OneShot, no_clock_marks: bool, references: Sequence[str], **options: Any) -> str:
        """Send a simulated market with quotes, trades, bursts and quiet symbols to Kafka, in real time."""
        async with TickProducer(KafkaAccess.of(settings), settings.topic(TICKS), references=references) as producer:
            report: Report = await run_simulation(producer, clock_marks=not no_clock_marks, stop=self.stop, **options)
        return str(report)
