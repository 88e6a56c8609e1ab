"""`faust -A app feed NAME SYMBOL...`: ticks of a venue into Kafka, until it is told to stop."""

import math
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import click
import faust
from faust.cli import argument, option
from prometheus_client import CollectorRegistry, start_http_server

from agents.commands import OneShot
from agents.feed_metrics import FeedMetrics
from streams.errors import ConfigError
from streams.feeds.backoff import Backoff
from streams.feeds.credentials import Credentials
from streams.feeds.feed_counts import FeedCounts
from streams.feeds.live import LiveFeed
from streams.feeds.live_queue import LiveQueue
from streams.feeds.producer import TickProducer
from streams.feeds.sources import names, open_source
from streams.feeds.tick_fields import is_symbol
from streams.feeds.venue import EventSource
from streams.feeds.venue_clock import VenueClock
from streams.kafka.access import KafkaAccess
from streams.kafka.topics import TICKS
from streams.settings import Settings


def add_feed_command(app: faust.App, settings: Settings) -> None:
    """Register `feed` with Faust's command line."""

    @app.command(
        option("--list", "listed", is_flag=True, help="name the venues and end"),
        option("--no-trades", is_flag=True, help="quotes only"),
        option("--no-quotes", is_flag=True, help="trades only"),
        option("--url", default=None, help="connect there instead of the venue's own address"),
        option(
            "--when-slow",
            type=click.Choice(["block", "conflate"]),
            default="block",
            show_default=True,
            help="when Kafka is slow: leave the socket unread, or keep only the newest quote of a symbol",
        ),
        option("--give-up-after", default=math.inf, type=float, help="end after so many seconds without anything"),
        option("--no-clock-marks", is_flag=True, help="another process writes the marks of this clock"),
        option("--reference", "references", multiple=True, help="copy this symbol's ticks into every partition"),
        option("--metrics-port", default=None, type=click.IntRange(1, 65535), help="serve Prometheus metrics there"),
        argument("name", required=False),
        argument("symbols", nargs=-1),
        base=OneShot,
    )
    async def feed(
        self: OneShot, name: str | None, symbols: Sequence[str], listed: bool, references: Sequence[str], **options: Any
    ) -> str:
        """Send the ticks of SYMBOLS at the venue NAME to Kafka: `feed binance BTC/USDT ETH/USDT`; see --list."""
        if listed:
            return names()
        if name is None:
            raise ConfigError("feed: no venue: name one, see `faust -A app feed --list`")
        _check(name, references, options["give_up_after"])
        source = open_source(
            name,
            tuple(dict.fromkeys(symbols)),
            credentials=Credentials.from_env(),
            quotes=not options["no_quotes"],
            trades=not options["no_trades"],
            url=options["url"],
        )
        return await _run(self, settings, source, references, options)


async def _run(
    command: OneShot, settings: Settings, source: EventSource, references: Sequence[str], options: dict[str, Any]
) -> str:
    counts = FeedCounts(source.name)
    queue = LiveQueue(settings.feed_queue, options["when_slow"])
    registry = CollectorRegistry()

    def acknowledged(received_ns: Sequence[int]) -> None:
        now_ns = time.time_ns()
        lags_s = [(now_ns - received) / 1e9 for received in received_ns]
        counts.note_lags(lags_s)
        metrics.observe_lags(lags_s)

    producer = TickProducer(
        KafkaAccess.of(settings),
        settings.topic(TICKS),
        ride_through=True,
        references=references,
        on_acknowledged=acknowledged,
    )
    metrics = FeedMetrics(registry, counts, queue, lambda: producer)
    live = LiveFeed(
        source,
        producer,
        queue=queue,
        clock_marks=not options["no_clock_marks"],
        venue_clock=VenueClock(settings.feed_clock_slack_ms),
        backoff=Backoff(Random(), longest_s=settings.feed_reconnect_max_s),  # noqa: S311 - jitter
        give_up_after_s=options["give_up_after"],
        counts=counts,
        say=lambda line: print(line, flush=True),
    )
    port = options["metrics_port"]
    server = None if port is None else _serve(settings.web_host, port, registry)
    try:
        async with producer:
            return await live.run(command.stop)
    finally:
        if server is not None:
            server[0].shutdown()


def _serve(host: str, port: int, registry: CollectorRegistry) -> Any:
    try:
        return start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ConfigError(f"--metrics-port {port} on {host}: {error.strerror}; give a port that is free") from None


def _check(name: str, references: Sequence[str], give_up_after_s: float) -> None:
    if not give_up_after_s > 0:
        raise ConfigError(f"--give-up-after {give_up_after_s}: give seconds above 0, or leave it out: never")
    for symbol in references:
        if not is_symbol(symbol):
            raise ConfigError(f"feed {name}: --reference {symbol!r}: give a symbol as it stands on the ticks")
