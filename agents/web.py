"""The worker's own pages: `/metrics`, `/healthz`, `/readyz`."""

from typing import Any

from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.application import HayateApp
from agents.metrics import Metrics


def add_pages(app: HayateApp, metrics: Metrics) -> None:
    """Register the pages with Faust's web server."""

    @app.page("/metrics")
    async def show_metrics(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        metrics.set_lag(lags(app))
        return view.bytes(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/healthz")
    async def healthz(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        return view.text("ok\n")

    @app.page("/readyz")
    async def readyz(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        ready = app.tables.actives_ready and not app.rebalancing
        return view.text("ready\n" if ready else "recovering or rebalancing\n", status=200 if ready else 503)


def lags(app: HayateApp) -> list[tuple[str, int, int]]:
    """(topic, partition, records behind the end) of every assigned input partition whose end is known."""
    found = []
    consumer: Any = app.consumer
    for lane in [*app.pipeline.features, *app.pipeline.ensemble]:
        end = consumer.highwater(lane.tp)
        if end is not None and lane.processed is not None:
            found.append((lane.tp.topic, lane.tp.partition, max(0, end - lane.processed)))
    return found
