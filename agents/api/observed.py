"""What the HTTP interface counts and logs, and the answer to what nobody expected.

The access log has method, path, status, time, the reader's name and a request id; never a header, so never a key. The
path is as it was sent, without the query.
"""

import logging
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.api.problems import problem

log = logging.getLogger("hayate.api.access")

BUCKETS_S: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ApiMetrics:
    """Counters of the HTTP interface."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "hayate_api_requests",
            "Requests of the HTTP interface, by route, method and status",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "hayate_api_seconds",
            "Time until the first byte of the answer, by route",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.streams = Gauge("hayate_api_streams", "Streams that are open", registry=registry)
        self.events = Counter(
            "hayate_api_stream_events", "Events sent to streams, by kind", ["kind"], registry=registry
        )
        self.conflated = Counter(
            "hayate_api_stream_conflated",
            "Events that a newer one of their symbol replaced before a slow stream took them",
            registry=registry,
        )
        self.dropped = Counter(
            "hayate_api_streams_dropped", "Streams ended because nobody read them any more", registry=registry
        )


class Observed:
    """ASGI middleware, the outermost: counts, logs, names each request, and answers 500 where nothing else did."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = token_hex(8)
        begun = self._clock()
        status = 0
        first = begun

        async def noted(message: Message) -> None:
            nonlocal status, first
            if message["type"] == "http.response.start":
                status, first = message["status"], self._clock()
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("%s %s %s failed", request_id, scope["method"], _shown(scope))
            if status:
                raise
            detail = "something went wrong here; the log has it under the request_id"
            await problem(500, "fault", detail, request_id=request_id)(scope, receive, noted)
        finally:
            # What was matched, not what was sent: a metric has as many series as there are routes.
            route = getattr(scope.get("route"), "path", "none")
            # Anybody can send any method.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.seconds.labels(route).observe(first - begun)
            taken_ms = 1000 * (self._clock() - begun)
            reader = state.get("reader", "-")
            log.info("%s %s %s %s %d %.1f ms", request_id, reader, scope["method"], _shown(scope), status, taken_ms)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _shown(scope: Scope) -> str:
    """The path as it was sent, percent-encoded: nothing in it can end a line of the log."""
    return str((scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1"))[:200]
