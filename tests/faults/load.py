"""The load: known ticks at a steady rate, through broker restarts, with a record of what was acknowledged.

    python -m tests.faults.load --servers HOST:PORT --topic NAME --partitions 8 --seed 1 --out FILE

Runs until SIGTERM, then waits for what is on its way and ends. `--out` takes one `ACKNOWLEDGED` for each tick that the
broker said it has; `read_acknowledged` makes them values again, for every tick follows from the seed and its number.
"""

import argparse
import asyncio
import json
import random
import signal
import struct
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.feeds.partitions import partition_of
from streams.marks import CLOCK_KIND
from streams.records import KIND, SENT_NS
from tests.faults.parent import die_with_parent

ACKNOWLEDGED: Final = struct.Struct("<qiq")
"""Number of the tick, partition, offset."""
START_NS: Final = 1_700_000_000_000_000_000
STEP_NS: Final = 100_000_000
"""Event time between two ticks: a minute, and with it the bars that are a minute long, passes in a few seconds."""
MARK_EVERY: Final = 100
"""Ticks between two rounds of clock marks."""
MARK_BEHIND_NS: Final = 3_000_000_000
"""Marks are this much behind the ticks."""
LATE_NS: Final = 2_000_000_000
"""What some ticks are older than the one before them, and still accepted."""
PART_NS: Final = 10**15
"""Between the loads of one run: what comes later has later event times."""
CLOSING_NS: Final = START_NS + 10**17
SLICE_S: Final = 0.02
MAX_BEHIND_S: Final = 1.0
"""After an outage the load goes on at its rate; what it could not send meanwhile was never made."""


class Made(NamedTuple):
    """One tick, or clock mark, as it is sent."""

    key: bytes | None
    value: bytes
    partition: int
    headers: tuple[tuple[str, bytes], ...] = ()


def ticks(seed: int, symbols: int, partitions: int, part: int = 0) -> Iterator[Made]:
    """Trades, quotes and both, of symbols that walk at random, two in a hundred of them bad or late; and the marks of
    their clock, in every partition."""
    rng = random.Random(seed)
    prices = [rng.uniform(5.0, 500.0) for _ in range(symbols)]
    places = [partition_of(f"S{number}".encode(), partitions) for number in range(symbols)]
    newest = [0] * symbols
    number = 0
    while True:
        one = rng.randrange(symbols)
        prices[one] = max(0.01, round(prices[one] * (1 + rng.gauss(0.0, 0.001)), 4))
        ts_ns = START_NS + part * PART_NS + number * STEP_NS
        if number % MARK_EVERY == MARK_EVERY - 1:
            mark = json.dumps({"clock": "main", "ts_ns": ts_ns - MARK_BEHIND_NS}).encode()
            yield from (Made(None, mark, partition, ((KIND, CLOCK_KIND),)) for partition in range(partitions))
        yield _tick(rng, ts_ns, newest[one], number, one, prices[one], places[one], partitions)
        newest[one] = ts_ns
        number += 1


def _tick(
    rng: random.Random, ts_ns: int, newest: int, number: int, one: int, price: float, place: int, partitions: int
) -> Made:
    symbol = f"S{one}"
    body: dict[str, object] = {"symbol": symbol, "ts_ns": ts_ns, "seq": number}
    what = rng.random()
    if what < 0.8:
        body |= {"price": price, "size": rng.randrange(1, 100), "side": rng.choice(("buy", "sell"))}
    if what > 0.6:
        body |= {"bid": price - 0.01, "ask": price + 0.01, "bid_size": 5, "ask_size": 7}
    key: bytes | None = symbol.encode()
    value = json.dumps(body).encode()
    fate = rng.random()
    if fate < 0.005:
        value = value[:-3]
    elif fate < 0.008:
        value = json.dumps(body | {"price": -1.0}).encode()
    elif fate < 0.012:
        value = json.dumps(body | {"ts_ns": ts_ns - 60_000_000_000}).encode()
    elif fate < 0.016:
        value = json.dumps(body | {"ts_ns": (newest or ts_ns) - LATE_NS}).encode()
    elif fate < 0.018:
        key = None
    elif fate < 0.020:
        place = (place + 1) % partitions
    return Made(key, value, place)


def closing_tick(one: int, partitions: int) -> Made:
    """The last tick of a symbol, so that what a view lost while it was away has a newer record; its number is
    -1 - `one`."""
    key = f"S{one}".encode()
    body = {"symbol": f"S{one}", "ts_ns": CLOSING_NS, "price": 100.0 + one}
    return Made(key, json.dumps(body).encode(), partition_of(key, partitions))


def read_acknowledged(
    path: Path, seed: int, symbols: int, partitions: int, part: int = 0
) -> dict[tuple[int, int], bytes | None]:
    """(partition, offset) -> value of every tick that was acknowledged."""
    whole = path.read_bytes()
    found = list(ACKNOWLEDGED.iter_unpack(whole[: len(whole) // ACKNOWLEDGED.size * ACKNOWLEDGED.size]))
    count = max((number for number, _, _ in found), default=-1) + 1
    made = [tick.value for tick in islice(ticks(seed, symbols, partitions, part), count)]
    return {
        (partition, offset): made[number] if number >= 0 else closing_tick(-1 - number, partitions).value
        for number, partition, offset in found
    }


class Load:
    """Sends ticks until told to stop."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, out: BinaryIO) -> None:
        self._producer = producer
        self._topic = topic
        self._out = out
        self.stopped = asyncio.Event()
        self.sent = 0

    async def run(self, made: Iterator[Made], rate: float) -> None:
        """Send at `rate` a second until `stopped`."""
        begin, done = time.monotonic(), 0
        while not self.stopped.is_set():
            due = int((time.monotonic() - begin) * rate)
            if due - done > rate * MAX_BEHIND_S:
                begin, done, due = time.monotonic(), 0, 0
            for tick in islice(made, due - done):
                await self.send(self.sent, tick)
                self.sent += 1
            done = due
            await asyncio.sleep(SLICE_S)

    async def send(self, number: int, tick: Made) -> None:
        """Send one tick, and record its place once the broker has it."""
        while True:
            headers = [(SENT_NS, b"%d" % time.time_ns()), *tick.headers]
            try:
                future = await self._producer.send(
                    self._topic, tick.value, key=tick.key, partition=tick.partition, headers=headers
                )
            except KafkaTimeoutError:
                continue  # its queue has been full for long: the broker is away, and this tick was not taken
            break

        def done(sent: "asyncio.Future[object]") -> None:
            if sent.cancelled() or sent.exception() is not None:
                return  # not acknowledged: whether the log has it does not matter
            metadata = sent.result()
            self._out.write(ACKNOWLEDGED.pack(number, metadata.partition, metadata.offset))  # type: ignore[attr-defined]

        future.add_done_callback(done)


async def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--part", type=int, default=0, help="how many loads came before")
    parser.add_argument("--closing", action="store_true", help="end with one tick of every symbol")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    die_with_parent()
    producer = AIOKafkaProducer(
        bootstrap_servers=options.servers, acks="all", enable_idempotence=True, max_batch_size=262_144
    )
    # What waits while the broker is away is sent when it is back: a batch that expired would be a gap in the load.
    producer._message_accumulator._batch_ttl = float("inf")
    await producer.start()
    with options.out.open("wb") as out:
        load = Load(producer, options.topic, out)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, load.stopped.set)
        loop.add_signal_handler(signal.SIGINT, load.stopped.set)
        await load.run(ticks(options.seed, options.symbols, options.partitions, options.part), options.rate)
        for one in range(options.symbols if options.closing else 0):
            await load.send(-1 - one, closing_tick(one, options.partitions))
        try:
            await producer.flush()
        except KafkaError as error:
            print(f"not everything was acknowledged: {error!r}")
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())
