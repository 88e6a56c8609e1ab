"""How long features are silent when workers come, go, hang or die, and when the broker does:

    python -m tests.benchmarks.silence [--rate 1000] [--session 10] [--members static,stay,dynamic] [--faults kill,...]

Starts its own Kafka and Redis, two workers and a steady load, and then one fault after the other, each on a calm pair.
Silence of a partition is the longest time around the fault in which no feature of it came; a reader of `features` sees
it; where the broker was away, only what comes after its first answer counts. Given are the worst partition
of those that the faulty worker had (own) and of the rest (others), in the worst round, in seconds; with `--json FILE`
also each round, and how long the worker that came back took to join (`joining`), and from there until it was ready
(`ready`).
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.local import LocalStack
from tests.e2e.world import Worker, World, until

MEMBERS = {
    "static": {},
    "stay": {"HAYATE_STAY_IN_GROUP": "true"},
    "dynamic": {"HAYATE_INSTANCE_ID": ""},
}
"""Ways to be in the group; the first is the default."""
CALM_S = 3.0
"""All partitions flow without a pause of this length before a fault, and until a fault counts as over."""
PAUSE_S = 1.0
"""A shorter pause is none: between two features of a quiet partition, or on a busy machine."""
LIMIT_S = 60.0


class Pulse:
    """When features of each partition came."""

    def __init__(self, world: World) -> None:
        self._tps = [TopicPartition(f"{world.prefix}features", partition) for partition in range(world.partitions)]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=world.services.bootstrap_servers, fetch_max_wait_ms=50, retry_backoff_ms=50
        )
        self.beats: dict[int, list[float]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Pulse":
        self._consumer.assign(self._tps)
        await self._consumer.start()
        await self._consumer.seek_to_end(*self._tps)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            polled = await self._consumer.getmany(timeout_ms=200)
            now = time.monotonic()
            for tp, records in polled.items():
                if records:
                    self.beats[tp.partition].append(now)

    async def calm(self, since: float) -> None:
        """Wait until every partition has flowed for `CALM_S` without a pause, all of it after `since`."""
        begin = time.monotonic()
        while time.monotonic() - begin < LIMIT_S:
            now = time.monotonic()
            if now - since > CALM_S and all(
                self._longest(partition, now - CALM_S, now) < PAUSE_S for partition in range(len(self._tps))
            ):
                return
            await asyncio.sleep(0.1)
        raise TimeoutError(f"features do not flow again within {LIMIT_S:g} s")

    def silence(self, partitions: set[int], begin: float, end: float, *, away: bool = False) -> float:
        """Seconds of the longest silence of any of these partitions; 0 for none of them. `away`: what was before
        `begin` does not count."""
        return max((self._longest(partition, begin, end, away=away) for partition in partitions), default=0.0)

    def _longest(self, partition: int, begin: float, end: float, *, away: bool = False) -> float:
        before = [] if away else [beat for beat in self.beats[partition] if beat <= begin][-1:]
        inside = [beat for beat in self.beats[partition] if begin < beat < end]
        times = [*(before or [begin]), *inside, end]
        return max(b - a for a, b in pairwise(times))


class Pair:
    """Two workers, the first of which suffers."""

    def __init__(self, world: World, pulse: Pulse, stack: LocalStack) -> None:
        self.world = world
        self.pulse = pulse
        self.stack = stack
        self.workers: dict[str, Worker] = {}
        self.answered: float | None = None
        """When the broker answered again, where it was away."""
        self.exit: float | None = None
        """Seconds from SIGTERM to the end of the process."""
        self.started_at = 0.0
        """When a worker was last started, in seconds since the epoch."""

    def start(self, name: str) -> Worker:
        """Start a worker of this name, or start it again."""
        self.started_at = time.time()
        self.workers[name] = self.world.start_worker(name)
        return self.workers[name]

    async def end(self) -> None:
        """SIGTERM for the first worker."""
        begin = time.monotonic()
        await asyncio.to_thread(self.workers["one"].stop)
        self.exit = time.monotonic() - begin

    def partitions(self, name: str) -> set[int]:
        """Partitions of `ticks` that a worker has."""
        text = self.workers[name].get("/metrics")
        topic = f"{self.world.prefix}ticks"
        return {
            int(sample.labels["partition"])
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "hayate_lag_records" and sample.labels["topic"] == topic
        }

    async def calm(self) -> None:
        """Both work, and share the partitions."""
        for name in ("one", "two"):
            if name not in self.workers or self.workers[name].process.poll() is not None:
                self.start(name)
            await self.workers[name].ready()

        def shared() -> bool:
            mine = [self.partitions(name) for name in ("one", "two")]
            return all(mine) and len(set.union(*mine)) == self.world.partitions

        await until(shared, "both workers have partitions")
        await self.pulse.calm(time.monotonic())


Fault = Callable[[Pair], Awaitable[None]]


async def joins(pair: Pair) -> None:
    """A third worker comes."""
    await pair.start("three").ready()


async def kill(pair: Pair) -> None:
    """kill -9, and nobody brings it back."""
    pair.workers["one"].stop(signal.SIGKILL)


async def kill_back(pair: Pair) -> None:
    """kill -9, started again a second later."""
    pair.workers["one"].stop(signal.SIGKILL)
    await asyncio.sleep(1.0)
    await pair.start("one").ready()


async def term(pair: Pair) -> None:
    """SIGTERM, and nobody brings it back."""
    await pair.end()


async def term_back(pair: Pair) -> None:
    """SIGTERM, and started again as soon as it has ended: a rolling restart."""
    await pair.end()
    await pair.start("one").ready()


async def hang(pair: Pair) -> None:
    """SIGSTOP for 15 s, then SIGCONT."""
    process = pair.workers["one"].process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(15.0)
    process.send_signal(signal.SIGCONT)


async def broker(pair: Pair) -> None:
    """The broker killed and started again."""
    await asyncio.to_thread(pair.stack.kill, "kafka")
    services = await asyncio.to_thread(pair.stack.up)
    pair.answered = time.monotonic()
    if services != pair.world.services:
        raise RuntimeError(f"the broker came back as {services.kafka_url}: another process has taken its port")


FAULTS: dict[str, tuple[str, Fault]] = {
    "join": ("a worker joins", joins),
    "kill": ("kill -9, not back", kill),
    "kill-back": ("kill -9, back after 1 s", kill_back),
    "term": ("SIGTERM, not back", term),
    "term-back": ("SIGTERM, back at once", term_back),
    "hang": ("SIGSTOP for 15 s", hang),
    "broker": ("broker killed and restarted", broker),
}


@dataclass
class Round:
    """What one fault did, in seconds."""

    own: float
    others: float
    exit: float | None = None
    joining: float | None = None
    ready: float | None = None


async def measure(pair: Pair, fault: Fault) -> Round:
    """One fault on a calm pair."""
    await pair.calm()
    everything = set(range(pair.world.partitions))
    own = pair.partitions("one") if fault is not joins else set()
    before, pair.answered, pair.exit, begin = pair.workers["one"], None, None, time.monotonic()
    await fault(pair)
    await pair.pulse.calm(begin)
    end = time.monotonic()
    if (third := pair.workers.pop("three", None)) is not None:
        await asyncio.to_thread(third.stop)
    away = pair.answered is not None
    begin = pair.answered or begin
    own_s, others_s = (pair.pulse.silence(tps, begin, end, away=away) for tps in (own, everything - own))
    found = Round(own_s, others_s, pair.exit)
    if (back := third or pair.workers["one"]) is not before:
        found.joining = said(back, "(Re-)joining group") - pair.started_at
        found.ready = said(back, "Worker ready") - said(back, "(Re-)joining group")
    return found


def said(worker: Worker, text: str) -> float:
    """When the worker's log first had `text`, in seconds since the epoch."""
    line = next(line for line in worker.log.read_text().splitlines() if text in line)
    return datetime.strptime(line[1:24], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


async def run(stack: LocalStack, folder: Path, options: argparse.Namespace) -> None:
    """Every fault for every kind of member; prints a line each."""
    services = stack.up()
    print(f"{'':30}" + "".join(f"{members:>26}" for members in options.members), flush=True)
    table: dict[str, list[str]] = defaultdict(list)
    kept: dict[str, dict[str, list[dict[str, float | None]]]] = defaultdict(dict)
    for members in options.members:
        settings = {
            "HAYATE_SESSION_TIMEOUT_S": str(options.session),
            "HAYATE_STANDBYS": str(options.standbys),
            **MEMBERS[members],
        }
        where = (options.keep or folder) / members
        where.mkdir(parents=True)
        world = World(services, f"b{uuid4().hex[:6]}-", where, settings=settings)
        world.create_topics()
        feed = world.feed("simulate", "--rate", str(options.rate), "--symbols", "200")
        try:
            async with Pulse(world) as pulse:
                pair = Pair(world, pulse, stack)
                for name in options.faults:
                    title, fault = FAULTS[name]
                    try:
                        found = [await measure(pair, fault) for _ in range(options.rounds)]
                    except TimeoutError as error:
                        if feed.poll() is None:
                            raise
                        raise RuntimeError("no worker is to blame: the load has ended by itself, see above") from error
                    kept[members][name] = [asdict(each) for each in found]
                    own, others = max(each.own for each in found), max(each.others for each in found)
                    table[title].append(
                        f"own {own:5.1f} others {others:5.1f}" if fault is not joins else f"all {others:5.1f}"
                    )
                    print(f"  {members}: {title}: {table[title][-1]}", flush=True)
        finally:
            feed.send_signal(signal.SIGTERM)
            feed.wait(30)
            world.close()
            if options.json is not None:
                options.json.write_text(json.dumps(kept, indent=1) + "\n")
    for title, cells in table.items():
        print(f"{title:30}" + "".join(f"{cell:>26}" for cell in cells))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0, help="ticks per second")
    parser.add_argument("--session", type=float, default=10.0, help="session timeout in seconds")
    parser.add_argument("--standbys", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1, help="the worst of so many")
    parser.add_argument("--keep", type=Path, help="folder, not there yet, in which the workers' logs stay")
    parser.add_argument("--json", type=Path, help="file for the figures of each round")
    parser.add_argument("--members", type=lambda text: text.split(","), default=list(MEMBERS))
    parser.add_argument("--faults", type=lambda text: text.split(","), default=list(FAULTS))
    options = parser.parse_args()
    # What aiokafka says of a broker that is away is the point here, not news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        stack = LocalStack(Path(name) / "services", os.environ, kafka_port=19_392, redis_port=19_393)
        try:
            asyncio.run(run(stack, Path(name), options))
        finally:
            stack.down(purge=True)


if __name__ == "__main__":
    main()
