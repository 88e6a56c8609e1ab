"""A corner of Kafka and Redis with workers in it, seen from outside: plain clients, processes, the offline truth."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.feeds.partitions import partition_of
from streams.headers import header
from streams.records import KIND
from tests.e2e.offline import Offline

CHECKOUT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90.0
"""What anything here may take on a busy machine before the test gives up."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Worker:
    """One `faust -A app worker` process."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    data_dir: Path

    async def ready(self) -> None:
        """Wait until its partitions are assigned and recovered."""
        await until(self._answers, f"worker {self.process.pid} is ready", self)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def get(self, page: str) -> str:
        """Text of one of its pages."""
        with urlopen(f"http://127.0.0.1:{self.port}{page}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels."""
        lines = [line for line in self.get("/metrics").splitlines() if line.partition("{")[0].split(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def has_more(self, name: str, than: float) -> bool:
        """Whether a metric is above a number."""
        return self.metric(name) > than

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(how)
        return self.process.wait(DEADLINE_S)


async def until(condition: Callable[[], bool], what: str, worker: Worker | None = None) -> None:
    """Await a condition that is polled; a worker that died meanwhile ends the wait with its log."""
    deadline = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(condition):
        if worker is not None and worker.process.poll() is not None:
            raise AssertionError(f"the worker ended with {worker.process.returncode}:\n{tail_of(worker.log)}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S:g} s: {what}\n{tail_of(worker.log) if worker else ''}")
        await asyncio.sleep(0.05)


def tail_of(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-40:])


@dataclass
class World:
    """Topics with a prefix of their own, and the workers on them."""

    services: Endpoints
    prefix: str
    folder: Path
    partitions: int = 8
    settings: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    def env(self, **more: str) -> dict[str, str]:
        """Environment of a command or worker of this world."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}
        return clean | {
            "HAYATE_KAFKA_URL": self.services.kafka_url,
            "HAYATE_REDIS_URL": self.services.redis_url,
            "HAYATE_TOPIC_PREFIX": self.prefix,
            "HAYATE_APP_ID": f"{self.prefix}app",
            "HAYATE_PARTITIONS": str(self.partitions),
            **self.settings,
            **more,
        }

    def faust(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = [sys.executable, "-m", "faust", "-A", "app", *arguments]
        return subprocess.run(
            command, env=self.env(**more), cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    def create_topics(self) -> None:
        """As a user does it."""
        done = self.faust("topics")
        assert done.returncode == 0, done.stderr

    def feed(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        """Start a command that runs beside the workers."""
        command = [sys.executable, "-m", "faust", "-A", "app", *arguments]
        return subprocess.Popen(command, env=self.env(), cwd=CHECKOUT, stdout=stdout)

    async def promote(self, model: str, worker: Worker) -> None:
        """Have a version become champion two seconds ahead, and wait until the worker knows of it."""
        done = await asyncio.to_thread(self.faust, "models", "promote", model, "--lead", "2")
        assert done.returncode == 0, done.stderr
        await until(lambda: worker.has_more("hayate_model_swaps_total", 0), f"the worker knows {model}", worker)

    async def check(self, worker: Worker | None = None) -> int:
        """Compare everything with an offline run over the same log; returns the number of ticks."""
        log = await self.read("ticks", 1)
        ticks = without_marks(log)
        expected = Offline(partitions=self.partitions).features(log)
        rejected = await self.read("ticks-rejected", len(ticks) - len(expected), worker=worker)
        assert len(rejected) == len(ticks) - len(expected)
        features = by_id(await self.read("features", len(expected), worker=worker))
        assert features == expected
        assert by_id(await self.read("signals", len(expected), worker=worker)) == Offline().signals(expected)
        return len(ticks)

    def start_worker(
        self, name: str = "one", command: Sequence[str] = ("faust", "-A", "app", "worker", "-l", "info"), **more: str
    ) -> Worker:
        """Start a worker with a data folder of its own; the same name has the same folder again."""
        port = free_port()
        log = self.folder / f"worker-{name}-{len(self.workers)}.log"
        env = self.env(**{"HAYATE_WEB_PORT": str(port), "HAYATE_DATA_DIR": str(self.folder / name), **more})
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                cwd=CHECKOUT,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = Worker(process, port, log, Path(env["HAYATE_DATA_DIR"]))
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        """Stop every worker, killing one that does not go."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self.workers:
            try:
                worker.process.wait(15)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A plain client."""
        producer = AIOKafkaProducer(bootstrap_servers=self.services.bootstrap_servers, max_request_size=4_000_000)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def produce(self, ticks: Iterable[tuple[str, bytes]]) -> None:
        """Send (key, value) pairs to `ticks`, each to its key's partition, and wait for the acknowledgements."""
        async with self.producer() as producer:
            sent = [
                await producer.send(
                    f"{self.prefix}ticks",
                    value,
                    key=key.encode(),
                    partition=partition_of(key.encode(), self.partitions),
                )
                for key, value in ticks
            ]
            await asyncio.gather(*sent)

    async def read(
        self, topic: str, count: int, *, worker: Worker | None = None, idle_s: float = 1.0
    ) -> list[ConsumerRecord]:
        """Every record of a topic, once at least `count` are there and then none came for `idle_s` seconds."""
        name = f"{self.prefix}{topic}"
        async with AIOKafkaConsumer(bootstrap_servers=self.services.bootstrap_servers) as consumer:
            tps = [TopicPartition(name, partition) for partition in range(self.partitions)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            records: list[ConsumerRecord] = []
            deadline = time.monotonic() + DEADLINE_S
            while True:
                polled = await consumer.getmany(timeout_ms=int(idle_s * 1000))
                for batch in polled.values():
                    records += batch
                if not polled and len(records) >= count:
                    return records
                if worker is not None and worker.process.poll() is not None:
                    raise AssertionError(f"the worker ended with {worker.process.returncode}:\n{tail_of(worker.log)}")
                if time.monotonic() > deadline:
                    log = tail_of(worker.log) if worker else ""
                    raise AssertionError(f"{name}: {len(records)} of {count} records after {DEADLINE_S:g} s\n{log}")


def without_marks(records: Iterable[ConsumerRecord]) -> list[ConsumerRecord]:
    """The ticks of a log, without the marks and copies between them."""
    return [record for record in records if header(record.headers, KIND) is None]


def by_id(records: Iterable[ConsumerRecord]) -> dict[str, bytes]:
    """Id -> value; an id that comes twice fails the test."""
    found: dict[str, bytes] = {}
    for record in records:
        id_: Any = msgspec.json.decode(record.value)["id"]
        assert id_ not in found, f"{id_} was written twice"
        found[id_] = record.value
    return found
