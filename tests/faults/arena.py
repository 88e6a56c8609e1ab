"""An arena: Kafka and Redis of its own, a load, workers that get hurt, and the checker at the end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.error import URLError

from aiokafka.errors import KafkaError

from deploy.local import LocalStack
from streams.kafka.topics import TopicSpec, ensure, specs
from streams.settings import Settings
from tests.e2e.offline import Offline
from tests.e2e.world import CHECKOUT, Worker, World, tail_of
from tests.faults import collect
from tests.faults.checker import Findings, check, wanted_rows
from tests.faults.evidence import Evidence, Truth
from tests.faults.load import read_acknowledged
from tests.faults.steps import Strike

LONG = bool(os.environ.get("CYCLES"))
"""Whether this is the long run, with every variant; the short one has each fault once."""
SESSION_S = 3.0
"""Session timeout of the suite; recovery limits are measured with the default of 10 s."""
OUTPUTS = ("features", "signals", "ticks-rejected", "bars")
REMOVE_S = 10.0
SYMBOLS = 300
RATE = 600.0
PARTITIONS = 8
DRAIN_S = 60.0
REDIS_SETTLE_S = 5.0
LOAD_STOP_S = 60.0


@cache
def _offline(partitions: int) -> Offline:
    """Made once: its kernel takes a while to load."""
    return Offline(partitions=partitions)


@dataclass
class Arena:
    """See the module."""

    world: World
    stack: LocalStack
    seed: int
    said: list[str] = field(default_factory=list)
    """What was done, for whoever has to repeat it."""
    load: "subprocess.Popen[bytes] | None" = None
    loads: list[tuple[Path, int]] = field(default_factory=list)
    """Acknowledgements and seed of each load."""
    evidence: Evidence | None = None
    """What the last check looked at."""

    async def prepare(self) -> None:
        """Topics. All but the changelog have the broker's own clock, so that silences can be read off the log."""
        async with collect.admin(self.world.services.bootstrap_servers) as client:
            await ensure(client, self._specs())

    async def remove(self) -> None:
        """Leave the broker as it was: it starts again the faster."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(REMOVE_S), collect.admin(self.world.services.bootstrap_servers) as client:
                await client.delete_topics([spec.name for spec in self._specs()])

    def _specs(self) -> list[TopicSpec]:
        world = self.world
        app_id, partitions = f"{world.prefix}app", world.partitions
        return specs(Settings(app_id=app_id, topic_prefix=world.prefix, partitions=partitions))

    def topic(self, name: str) -> str:
        """Full name."""
        return f"{self.world.prefix}{name}"

    @property
    def changelog(self) -> str:
        """Full name of the state's changelog."""
        return f"{self.world.prefix}app-{self.world.prefix}indicator-state-changelog"

    def say(self, what: str) -> None:
        """Note what is done, and when."""
        self.said.append(f"{time.time():.3f} {what}")

    def start_load(self, *, rate: float = RATE, closing: bool = False) -> None:
        """Begin to send ticks."""
        out = self.world.folder / f"acknowledged-{len(self.loads)}.bin"
        seed = self.seed + 1_000_003 * len(self.loads)
        self.loads.append((out, seed))
        self.say(f"load at {rate:g}/s, seed {seed}")
        command = [sys.executable, "-m", "tests.faults.load", "--servers", self.world.services.bootstrap_servers]
        command += ["--topic", self.topic("ticks"), "--partitions", str(self.world.partitions)]
        command += ["--symbols", str(SYMBOLS), "--rate", str(rate), "--seed", str(seed), "--out", str(out)]
        command += ["--part", str(len(self.loads) - 1)]
        with (self.world.folder / f"load-{len(self.loads)}.log").open("wb") as log:
            self.load = subprocess.Popen(
                [*command, *(["--closing"] if closing else [])],
                cwd=CHECKOUT,
                env=self.world.env(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def stop_load(self) -> None:
        """End it, with everything it sent acknowledged."""
        assert self.load is not None, "no load runs"
        self.load.terminate()
        status = await asyncio.to_thread(self.load.wait, LOAD_STOP_S)
        log = self.world.folder / f"load-{len(self.loads)}.log"
        assert status == 0, f"the load ended with {status}:\n{tail_of(log)}"
        self.say("load stopped")
        self.load = None

    def start(
        self,
        name: str,
        strike: Strike | None = None,
        *,
        without: Iterable[str] = (),
        provoke: Iterable[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Worker:
        """Start a worker that may hurt itself."""
        own = dict(settings or {})
        hurt = {
            "FAULTS_STRIKE": str(strike or ""),
            "FAULTS_WITHOUT": ",".join(without),
            "FAULTS_PROVOKE": ",".join(provoke),
        }
        self.say(f"start {name} {' '.join(f'{key}={value}' for key, value in (hurt | own).items() if value)}")
        command = ("tests.faults.worker", "-A", "app", "worker", "-l", "info")
        return self.world.start_worker(name, command, **hurt, **own)

    def signal(self, worker: Worker, what: signal.Signals, name: str) -> None:
        """Send a signal."""
        self.say(f"{what.name} to {name} ({worker.process.pid})")
        worker.process.send_signal(what)

    async def own_partitions(self, worker: Worker) -> frozenset[int]:
        """Partitions of `ticks` that a worker has now; none if it does not answer."""
        try:
            page = await asyncio.to_thread(worker.get, "/metrics")
        except (URLError, OSError):
            return frozenset()
        label = f'topic="{self.topic("ticks")}"'
        lines = [line for line in page.splitlines() if line.startswith("hayate_lag_records{") and label in line]
        return frozenset(int(line.partition('partition="')[2].partition('"')[0]) for line in lines)

    async def drained(self, deadline_s: float = DRAIN_S) -> None:
        """Wait until everything in the log is committed, as ticks and as features."""
        topics = [self.topic("ticks"), self.topic("features")]
        behind: dict[object, int] = {}
        servers = self.world.services.bootstrap_servers
        async with collect.admin(servers) as client:
            deadline = time.monotonic() + deadline_s
            while behind := await collect.lags(
                client, servers, f"{self.world.prefix}app", topics, self.world.partitions
            ):
                assert time.monotonic() < deadline, f"not committed after {deadline_s:g} s: {behind}\n{self.report()}"
                await asyncio.sleep(0.2)
        self.say("drained")

    async def findings(self, *, copies: bool = False, final: str | None = None) -> Findings:
        """Check everything. `final` names a stopped worker that had every partition: its store must be up to date.

        Redis may lag behind the commits by a moment: it is asked again for as long as it alone is wrong.
        """
        servers, partitions = self.world.services.bootstrap_servers, self.world.partitions
        ticks = await collect.read_topic(servers, self.topic("ticks"), partitions)
        read = [collect.entries(await collect.read_topic(servers, self.topic(name), partitions)) for name in OUTPUTS]
        acknowledged: dict[tuple[int, int], bytes | None] = {}
        for part, (path, seed) in enumerate(self.loads):
            acknowledged |= read_acknowledged(path, seed, SYMBOLS, partitions, part)
        running = {worker.data_dir for worker in self.world.workers if worker.process.poll() is None}
        folders = {worker.data_dir for worker in self.world.workers} - running
        deadline = time.monotonic() + REDIS_SETTLE_S
        evidence = Evidence(
            topic=self.topic("ticks"),
            ticks=collect.entries(ticks),
            acknowledged=acknowledged,
            features=read[0],
            signals=read[1],
            rejected=read[2],
            bars=read[3],
            changelog=collect.entries(await collect.read_topic(servers, self.changelog, partitions)),
            latest=await asyncio.to_thread(collect.latest, self.world.services.redis_url),
            stores={folder.name: collect.local_rows(folder) for folder in folders if folder.exists()},
            final_store=final,
        )
        truth = await asyncio.to_thread(self._truth, ticks, evidence)
        found = check(evidence, truth, copies=copies)
        while found.names & {"stale-latest", "missing-latest"} and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            latest = await asyncio.to_thread(collect.latest, self.world.services.redis_url)
            found = check(Evidence(**{**vars(evidence), "latest": latest}), truth, copies=copies)
        self.evidence = evidence
        self.say(found.summary(3))
        return found

    def _truth(self, ticks: list[object], evidence: Evidence) -> Truth:
        offline = _offline(self.world.partitions)
        outcome = offline.fold(ticks, wanted_rows(evidence))
        return Truth(
            outcome.features,
            offline.signals(outcome.features),
            outcome.rejected,
            outcome.bars,
            outcome.rows,
            outcome.rows_at,
        )

    def report(self) -> str:
        """What was done, and the ends of the logs."""
        logs = [f"--- {worker.log.name}\n{tail_of(worker.log)}" for worker in self.world.workers[-4:]]
        return "\n".join([f"seed {self.seed}, logs in {self.world.folder}", *self.said, *logs])

    def close(self) -> None:
        """Nothing is left running."""
        if self.load is not None:
            self.load.kill()
            self.load.wait()
        for worker in self.world.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
        self.world.close()
