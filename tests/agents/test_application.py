"""The application's life: a start that can be cut short, a stop that ends in order and in time, whatever hangs."""

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import faust
import pytest
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from agents import application, pipeline
from agents.application import HayateApp
from agents.wiring import build
from streams.errors import RetryError
from streams.settings import Settings


@pytest.fixture
def app(tmp_path: Path) -> HayateApp:
    """An app that is not started and names no server that runs."""
    return build(
        Settings(kafka_url="kafka://127.0.0.1:1", redis_url="redis://127.0.0.1:1/0", data_dir=tmp_path, web_port=6_123)
    )


class Diary:
    """Replaces what a stop calls, and writes down what was called."""

    def __init__(self, app: HayateApp, monkeypatch: pytest.MonkeyPatch, *, clean: bool = True) -> None:
        self.entries: list[str] = []
        self.checkpoint: bool | None = None
        self._clean = clean
        monkeypatch.setattr(app.pipeline, "stop", self._stop)
        monkeypatch.setattr(app.pipeline, "close", self._note("close"))
        monkeypatch.setattr(app.membership, "leave", self._note("leave"))
        monkeypatch.setattr(faust.App, "on_stop", self._note("faust"))

    def _note(self, what: str) -> Callable[..., Any]:
        async def note(*_: Any) -> None:
            self.entries.append(what)

        return note

    async def _stop(self, *, checkpoint: bool) -> bool:
        self.entries.append("lanes")
        self.checkpoint = checkpoint
        return self._clean


class FakeConsumer:
    """As much of one as a stop asks for."""

    stopped = False

    def stop_flow(self) -> None:
        """Nothing more is polled."""
        self.stopped = True

    def assignment(self) -> set[TP]:
        """One partition."""
        return {TP("ticks", 0)}


@pytest.mark.parametrize("clean", [True, False])
async def test_the_order_of_a_stop(app: HayateApp, monkeypatch: pytest.MonkeyPatch, clean: bool) -> None:
    """The group is left as soon as the last checkpoint is taken: others wait for that, and for nothing else."""
    diary = Diary(app, monkeypatch, clean=clean)
    app._consumer = consumer = FakeConsumer()  # type: ignore[assignment]
    await app.on_stop()
    assert diary.entries == ["lanes", "leave", "close", "faust"]
    assert diary.checkpoint is True
    assert consumer.stopped
    assert app.clean is clean


async def test_a_crash_takes_no_checkpoint_and_is_not_clean(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = Diary(app, monkeypatch)
    app._consumer = FakeConsumer()  # type: ignore[assignment]
    app._crashed.set()
    await app.on_stop()
    assert diary.checkpoint is False
    assert not app.clean


async def test_a_stop_before_anything_began(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = Diary(app, monkeypatch)
    await app.on_stop()
    assert diary.entries == ["leave", "close", "faust"]
    assert app.clean


async def test_a_stop_while_it_connects(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start ends without an error, and nothing comes up behind what was closed."""
    diary = Diary(app, monkeypatch)
    began = asyncio.Event()

    async def connect() -> None:
        began.set()
        await asyncio.Event().wait()
        diary.entries.append("connected")

    monkeypatch.setattr(app, "_take_place", connect)
    starting = asyncio.create_task(app.on_start())
    await began.wait()
    app._stopped.set()
    await app.on_stop()
    await starting
    assert diary.entries == ["lanes", "leave", "close", "faust"]


async def test_a_start_that_is_cancelled_otherwise_is_cancelled(
    app: HayateApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    async def connect() -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(app, "_take_place", connect)
    starting = asyncio.create_task(app.on_start())
    await began.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_start_that_is_refused_is_one_line(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> None:
        raise RetryError("Kafka at 127.0.0.1:1 does not answer: start it")

    monkeypatch.setattr(app, "_take_place", refuse)
    with pytest.raises(SystemExit, match=r"^hayate: Kafka at 127.0.0.1:1 does not answer: start it$"):
        await app.on_start()


@pytest.mark.parametrize(("clean", "status"), [(True, 0), (False, 1)])
def test_what_hangs_is_ended(app: HayateApp, monkeypatch: pytest.MonkeyPatch, clean: bool, status: int) -> None:
    """With success where all was committed."""
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    app.clean = clean
    app._end_now()
    assert ended == [status]


@pytest.mark.parametrize("in_worker", [True, False])
async def test_the_deadline_of_a_stop(app: HayateApp, monkeypatch: pytest.MonkeyPatch, in_worker: bool) -> None:
    """In a worker it stays until the process is gone; elsewhere it goes with the stop."""
    ended = threading.Event()
    monkeypatch.setattr(application, "STOP_DEADLINE_S", 0.3)
    monkeypatch.setattr(app, "_end_now", ended.set)
    stopped: list[bool] = []

    async def stop(_: Any) -> None:
        stopped.append(ended.is_set())

    monkeypatch.setattr(faust.App, "stop", stop)
    app.in_worker = in_worker
    await app.stop()
    await app.stop()
    assert stopped == [False, False]
    if in_worker:
        assert await asyncio.to_thread(ended.wait, 30)
    else:
        assert app._deadline is None


async def test_a_stop_that_hangs_is_ended(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(application, "STOP_DEADLINE_S", 0.05)
    monkeypatch.setattr(app, "_end_now", ended.set)

    async def hang(_: Any) -> None:
        await asyncio.to_thread(ended.wait, 30)

    monkeypatch.setattr(faust.App, "stop", hang)
    await app.stop()
    assert ended.is_set()


async def test_confirmed_by_the_group(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the consumer that is there; one that is not yet is no member."""

    class Thread:
        consumer: object | None = None

        def _ensure_consumer(self) -> object:
            if self.consumer is None:
                raise ConsumerNotStarted
            return self.consumer

    class WithThread(FakeConsumer):
        _thread = Thread()

    async def is_current(consumer: object) -> bool:
        return consumer == "ours"

    monkeypatch.setattr(application, "is_current", is_current)
    app._consumer = WithThread()  # type: ignore[assignment]
    assert not await app.confirmed()
    WithThread._thread.consumer = "ours"
    assert await app.confirmed()


async def test_nothing_is_collected_when_the_worker_is_ready(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there stays; ticks wait."""
    calls: list[str] = []

    async def on_started(_: Any) -> None:
        calls.append("faust")

    monkeypatch.setattr(faust.App, "on_started", on_started)
    for name in ("collect", "freeze", "set_threshold"):
        monkeypatch.setattr(gc, name, lambda *_, name=name: calls.append(name))
    await app.on_started()
    assert calls == ["faust", "freeze", "set_threshold"]


def test_lanes_begin_when_tables_are_recovered(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    assigned: list[set[TP]] = []
    monkeypatch.setattr(app.pipeline, "assign", assigned.append)
    monkeypatch.setattr(faust.App, "on_rebalance_end", lambda _: None)
    app._consumer = FakeConsumer()  # type: ignore[assignment]
    app.on_rebalance_end()
    assert assigned == [{TP("ticks", 0)}]


async def test_closing_is_bounded(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Redis and the log's reader do; both at once."""
    monkeypatch.setattr(pipeline, "CLOSE_S", 0.05)
    monkeypatch.setattr(pipeline, "STORE_STOP_S", 0.05)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(app.pipeline._store, "stop", hang)
    monkeypatch.setattr(app.pipeline._tails, "stop", hang)
    await app.pipeline.close()


async def test_a_suspect_gives_up_the_lanes_of_both_agents(app: HayateApp, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned: list[str] = []
    monkeypatch.setattr(app.pipeline.features, "abandon", lambda: abandoned.append("features"))
    monkeypatch.setattr(app.pipeline.ensemble, "abandon", lambda: abandoned.append("ensemble"))
    app.pipeline.heartbeat._on_suspect()
    assert abandoned == ["features", "ensemble"]


async def test_nothing_runs_after_a_stop(app: HayateApp) -> None:
    app.pipeline.assign([])
    assert await app.pipeline.stop()
    assert app.pipeline.heartbeat._timer is not None
    assert app.pipeline.heartbeat._timer.cancelled()


def test_checkpoints_are_of_this_feature_set_topic_and_partition_count(app: HayateApp) -> None:
    """The features agent's by the layout of its rows, the ensemble's by the schema that it reads."""
    app.place.topic_ids = {"ticks": "id-t", "features": "id-f"}
    feature_set = app.pipeline._engine.feature_set
    assert app.pipeline.features._origin() == (f"{feature_set.layout_hash:016x}", "id-t", 8)
    assert app.pipeline.ensemble._origin() == (feature_set.version, "id-f", 8)


@pytest.mark.parametrize(
    ("fausts", "clean", "status"), [(0, True, 0), (0, False, 1), (1, True, 1), ("hayate: no", False, "hayate: no")]
)
def test_the_exit_status_says_whether_the_stop_was_clean(
    app: HayateApp, monkeypatch: pytest.MonkeyPatch, fausts: int | str, clean: bool, status: int | str
) -> None:
    """Faust's own stop comes to its end now and then although the broker is away."""

    def end(_: faust.Worker) -> NoReturn:
        app.clean = clean
        raise SystemExit(fausts)

    monkeypatch.setattr(faust.Worker, "execute_from_commandline", end)
    worker_class: Any = app.conf.Worker
    with pytest.raises(SystemExit) as ended:
        worker_class(app).execute_from_commandline()
    assert ended.value.code == status
