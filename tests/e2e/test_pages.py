"""The worker's pages, and what an operator sees when it cannot start."""

import asyncio
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.world import DEADLINE_S, World, until


async def test_pages_of_a_worker(make_world: Callable[..., World]) -> None:
    """`/metrics` is what Prometheus parses and counts what happened; Faust's own pages are closed."""
    world = make_world(partitions=2)
    worker = world.start_worker()
    await worker.ready()
    assert worker.get("/healthz") == "ok\n"
    assert worker.get("/readyz") == "ready\n"
    assert world.faust("simulate", "--count", "300", "--rate", "3000", "--no-clock-marks").returncode == 0
    await world.read("signals", 300, worker=worker)
    await until(lambda: worker.metric("hayate_signals_total") == 300, "all signals are counted", worker)
    await until(lambda: worker.metric("hayate_lag_records") == 0, "the lag is gone", worker)
    committed = "hayate_committed_offset"  # 300 ticks and their 300 features, by the broker's word
    await until(lambda: worker.metric(committed) == 600, "the progress check has seen the commits", worker)
    assert worker.metric("hayate_lag") == 0
    assert await asyncio.to_thread(_content_type, worker.port) == "text/plain"
    families = {family.name: family for family in text_string_to_metric_families(worker.get("/metrics"))}
    lags = {(s.labels["topic"], s.labels["partition"]) for s in families["hayate_lag_records"].samples}
    assert lags == {(f"{world.prefix}{topic}", p) for topic in ("ticks", "features") for p in "01"}
    assert {s.labels["to"] for s in families["hayate_latency_seconds"].samples} == {"feature", "signal", "redis"}
    assert worker.metric("hayate_redis_up") == 1
    assert worker.metric("hayate_features_told_total") > 0
    assert worker.metric("hayate_lane_restarts_total") == 0
    for page in ("/stats/", "/graph/", "/table/", "/router/"):
        with pytest.raises(HTTPError) as refusal:
            worker.get(page)
        assert refusal.value.code == 404
    assert worker.stop() == 0


def _content_type(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found: str = answer.headers.get_content_type()
        return found


async def test_a_worker_without_topics_says_what_to_do(make_world: Callable[..., World]) -> None:
    """One line that names the topics and the command; not a success, and no traceback."""
    world = make_world(partitions=2)
    worker = world.start_worker(HAYATE_TOPIC_PREFIX=f"{world.prefix}other-")
    assert worker.process.wait(DEADLINE_S) != 0
    text = worker.log.read_text()
    assert f"{world.prefix}other-ticks" in text
    assert "faust -A app topics" in text
    assert "Traceback" not in text


async def test_ticks_that_came_before_the_worker(make_world: Callable[..., World]) -> None:
    """A backlog and nothing after it: every partition is read although no later poll shows what an early one lost."""
    world = make_world(partitions=8)
    assert world.faust("simulate", "--count", "2000", "--rate", "20000").returncode == 0
    worker = world.start_worker()
    assert await world.check(worker) == 2_000
    assert worker.stop() == 0
