"""The worker's own pages: `/metrics`, `/healthz`, `/readyz`."""

from collections.abc import Iterable
from time import monotonic
from typing import Any

from faust.types import TP
from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.application import HayateApp
from agents.metrics import Metrics
from agents.progress import Place, ProgressCheck


def add_pages(app: HayateApp, metrics: Metrics) -> None:
    """Register the pages with Faust's web server, and the task behind `/healthz`."""
    progress = ProgressCheck(monotonic)

    @app.page("/metrics")
    async def show_metrics(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        metrics.set_lag(lags(app))
        metrics.set_progress((tp.topic, tp.partition, *place) for tp, place in progress.places.items())
        return view.bytes(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/healthz")
    async def healthz(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        healthy, text = progress.verdict()
        return view.text(text, status=200 if healthy else 503)

    @app.page("/readyz")
    async def readyz(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        ready = app.tables.actives_ready and not app.rebalancing
        return view.text("ready\n" if ready else "recovering or rebalancing\n", status=200 if ready else 503)

    async def watch_progress() -> None:
        async def ask(tps: list[TP]) -> dict[TP, Place]:
            return {tp: Place(*found) for tp, found in (await _consumer(app).progress(tps)).items()}

        await progress.watch(lambda: inputs(app), ask)

    app.task(watch_progress)


def inputs(app: HayateApp) -> Iterable[TP]:
    """Input partitions that are ours and ready: none during a rebalance or a recovery, which have their own limits."""
    if not app.tables.actives_ready or app.rebalancing:
        return []
    return [tp for tp in app.consumer.assignment() if tp.topic in _consumer(app).batched_topics]


def lags(app: HayateApp) -> list[tuple[str, int, int]]:
    """(topic, partition, records behind the end) of every assigned input partition whose end is known."""
    found = []
    for lane in [*app.pipeline.features, *app.pipeline.ensemble]:
        end = _consumer(app).highwater(lane.tp)
        if end is not None and lane.processed is not None:
            found.append((lane.tp.topic, lane.tp.partition, max(0, end - lane.processed)))
    return found


def _consumer(app: HayateApp) -> Any:
    return app.consumer  # ours, by the app's transport
