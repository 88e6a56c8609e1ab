"""Throughput of the full path beside its peers, in one run:

    python -m tests.benchmarks.throughput [--ticks 1000000] [--rounds 3] [--sets default,classics] [--only Hayate,bare]

Starts its own Kafka and Redis, writes a simulated market of 200 symbols into a topic, and lets one contestant after the
other turn all of it into feature records: round by round, each from the beginning, with a state, a group and a target
of its own. The records in the target are counted at the broker; the first tenth, at most two seconds, is left
out, and a slow contestant is stopped after `--seconds`.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from deploy.local.jars import cache_folder
from streams.feature_set import FeatureSet
from tables.indicator_state import HEADER
from tests.benchmarks import figures, load
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.machine import java_version, pin
from tests.benchmarks.peers import kafka_streams
from tests.benchmarks.peers.contestant import Contestant, Job
from tests.benchmarks.peers.kafka_streams import Unavailable
from tests.benchmarks.peers.own_python import python_with, version_in
from tests.benchmarks.progress_of import Pace, pace_of
from tests.benchmarks.targets import BARE, FAUST, QUIX
from tests.e2e.world import World, tail_of

PARTITIONS = 8
SYMBOLS = 200
WITH_SIGNALS = f"{OURS}, signals too"
QUIX_TALIPP = "Quix Streams, talipp"
KAFKA_STREAMS = "Kafka Streams"
RECORD_BYTES = {"default": 2_630, "classics": 525}
"""Mean size of a feature record in the simulated market."""
ABOUT = (
    "JSON ticks of {symbols} symbols in, one record of {values} values out of each tick, {state:,} bytes of state per "
    "symbol. Hayate has every guarantee on: acknowledgements by all replicas, idempotent producer, changelog, "
    "checkpoints, Redis. The peers have their changelogs and acknowledgements on, and no Redis, no bars and no record "
    "headers. The bare loop decodes each tick, encodes a record of the same size and produces; it computes and keeps "
    "nothing."
)


def measure_case(name: str) -> Case:
    """The empty table of one feature set."""
    loaded = FeatureSet.load(name)
    values = len(loaded.outputs)
    return Case(
        f"throughput-{name}",
        f"Throughput of one process, {values} values a tick",
        ABOUT.format(symbols=SYMBOLS, values=values, state=HEADER.size + 8 * loaded.width),
        {"ticks_s": "ticks/s", "cpu_s_million": "CPU s per million ticks", "memory_mib": "MiB"},
        ["ticks_s"],
        ["ticks_s", "cpu_s_million"],
    )


class Arena:
    """Servers, the market in a topic, and the contestants on it one at a time."""

    def __init__(self, ground: Ground, *, ticks: int, limit_s: float, symbols: int = SYMBOLS) -> None:
        self.ground = ground
        self.services, self.folder, self.cores, _ = ground
        self.servers = self.services.bootstrap_servers
        self.limit_s = limit_s
        self.ticks = ticks
        self.lines = load.market(ticks=ticks, symbols=symbols, partitions=PARTITIONS)
        self.source = f"market-{uuid4().hex[:6]}"

    async def open(self) -> None:
        """Write the market for the peers; Hayate's own topic is written for each run."""
        await load.create(self.servers, self.source, partitions=PARTITIONS)
        await load.write(self.servers, self.source, self.lines)

    async def peer(self, contestant: Contestant, feature_set: str) -> Pace:
        """One run of a peer."""
        loaded = FeatureSet.load(feature_set)
        prefix = f"p{uuid4().hex[:6]}"
        folder = self.folder / prefix
        folder.mkdir()
        job = Job(
            servers=self.servers,
            source=self.source,
            target=f"{prefix}-features",
            group=prefix,
            partitions=PARTITIONS,
            feature_set=feature_set,
            values=len(loaded.outputs),
            state_bytes=HEADER.size + 8 * loaded.width,
            record_bytes=RECORD_BYTES[feature_set],
            folder=str(folder),
        )
        await load.create(self.servers, job.target, partitions=PARTITIONS)
        process = contestant.start(job)
        try:
            return await self._watch(process, job.target, folder / "contestant.log")
        finally:
            process.kill()
            process.wait()
            await load.remove(self.servers, prefix)
            # Quix puts a word of its own before the group's name.
            await load.remove(self.servers, f"changelog__{prefix}")
            shutil.rmtree(folder, ignore_errors=True)

    async def ours(self, feature_set: str, *, signals: bool) -> Pace:
        """One run of the worker."""
        prefix = f"h{uuid4().hex[:6]}-"
        folder = self.folder / prefix
        folder.mkdir()
        world = World(self.services, prefix, folder, PARTITIONS, {"HAYATE_FEATURE_SET": feature_set})
        world.create_topics()
        self.ground.empty_redis()
        await load.write(self.servers, f"{prefix}ticks", self.lines)
        app = "app" if signals else "tests.benchmarks.peers.features_only"
        worker = world.start_worker(command=("faust", "-A", app, "worker", "-l", "warn"))
        try:
            return await self._watch(worker.process, f"{prefix}features", worker.log)
        finally:
            worker.process.kill()
            worker.process.wait()
            await load.remove(self.servers, prefix)
            shutil.rmtree(folder, ignore_errors=True)

    async def _watch(self, process: "subprocess.Popen[bytes]", target: str, log: Path) -> Pace:
        pin(process.pid, self.cores.contestant)
        return await pace_of(
            [process],
            self.servers,
            target,
            partitions=PARTITIONS,
            records=self.ticks,
            limit_s=self.limit_s,
            said=lambda: tail_of(log),
        )


def module(name: str) -> Contestant:
    """A contestant of ours' Python."""
    return Contestant(
        {"bare": BARE, "plain_faust": FAUST}[name],
        lambda job: [sys.executable, "-m", f"tests.benchmarks.peers.{name}", str(job)],
    )


def peers(feature_set: str, folder: Path, case: Case, only: set[str]) -> list[Contestant]:
    """Those that can run here; of the others the case says why not."""
    found = [module("bare"), module("plain_faust")]
    if wanted("Quix Streams", only):
        try:
            python = python_with(cache_folder(os.environ), ["quixstreams>=3.28,<4"])
            case.machine["Quix Streams"] = version_in(python, "quixstreams")
            script = "tests.benchmarks.peers.quix"
            for name, how in zip((QUIX, QUIX_TALIPP), ("kernel", "talipp"), strict=True):
                if how == "kernel" or feature_set == "classics":
                    found.append(Contestant(name, lambda job, how=how: [str(python), "-m", script, str(job), how]))  # type: ignore[misc]
        except Unavailable as why:
            case.left_out["Quix Streams"] = str(why)
    if wanted(KAFKA_STREAMS, only):
        try:
            classes = folder / "classes"
            classes.mkdir(exist_ok=True)
            found += kafka_streams.contestants(classes)
            case.machine["Java of Kafka Streams"] = java_version() or ""
        except Unavailable as why:
            case.left_out[KAFKA_STREAMS] = str(why)
    return [contestant for contestant in found if wanted(contestant.name, only)]


def wanted(name: str, only: set[str]) -> bool:
    """Whether a contestant is asked for: all are where nothing is named."""
    return not only or any(name.startswith(asked) for asked in only)


async def run(arena: Arena, names: list[str], *, rounds: int, only: set[str], json: Path | None) -> list[Case]:
    """Every contestant of every feature set, in turn; prints a line each and keeps what is there after each round."""
    await arena.open()
    cases = []
    for name in names:
        case = arena.ground.describe(measure_case(name), ticks=arena.ticks, rounds=rounds, partitions=PARTITIONS)
        contestants = peers(name, arena.folder, case, only)
        for number in range(rounds):
            for ours in (OURS, WITH_SIGNALS):
                if ours in only or not only:
                    note(case, number, ours, await arena.ours(name, signals=ours == WITH_SIGNALS))
            for contestant in contestants:
                try:
                    note(case, number, contestant.name, await arena.peer(contestant, name))
                except RuntimeError as error:
                    print(f"{contestant.name}: {error}", flush=True)
                    case.left_out[contestant.name] = str(error).partition("\n")[0]
            figures.keep(json, case)
        cases.append(case)
    return cases


def note(case: Case, number: int, name: str, pace: Pace) -> None:
    """Keep and print one run."""
    case.add(name, ticks_s=pace.records_s, cpu_s_million=pace.cpu_us, memory_mib=pace.memory_mib)
    print(
        f"{case.name} round {number + 1} {name:32} {pace.records_s:9,.0f} ticks/s {pace.cpu_us:8.1f} CPU us a tick, "
        f"{pace.memory_mib:6.0f} MiB, over {pace.records:,} ticks",
        flush=True,
    )


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--ticks", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=30.0, help="at most, of each run")
    options.add_argument("--sets", type=lambda text: text.split(","), default=["default", "classics"])
    options.add_argument("--only", type=lambda text: set(text.split(",")), default=set())
    given = options.parse_args()
    with ground() as place:
        arena = Arena(place, ticks=given.ticks, limit_s=given.seconds)
        asyncio.run(run(arena, given.sets, rounds=given.rounds, only=given.only, json=given.json))


if __name__ == "__main__":
    main()
