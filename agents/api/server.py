"""The HTTP interface put together: `faust -A app api`, beside a worker (HAYATE_API_PORT), or under any ASGI server:

uvicorn --factory agents.api.server:from_env
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from agents.api import catalogue, features, health, past, signals, stream
from agents.api.access import Access, Keys
from agents.api.context import Context
from agents.api.document import add_document
from agents.api.hub import Hub
from agents.api.limits import BodyLimit
from agents.api.observed import ApiMetrics, Observed
from agents.api.paths import EncodedSlashes
from agents.api.problems import add_problems
from streams.settings import Settings
from tables.reading_setup import Reading


def from_env() -> FastAPI:
    """An interface by the environment's settings, for an ASGI server's factory.

    Raises:
        ConfigError: the settings cannot work.
    """
    return make_api(Settings.from_env())


def make_api(settings: Settings, registry: CollectorRegistry | None = None) -> FastAPI:
    """An interface by `settings`; its metrics go to `registry`, else to one of its own. Nothing is connected yet.

    Raises:
        ConfigError: the settings cannot work, or there are no keys.
    """
    keys = Keys(settings.api_keys_file)
    if registry is None:
        registry = CollectorRegistry()
        for collector in (GCCollector, PlatformCollector, ProcessCollector):
            collector(registry=registry)
    reading = Reading(settings)
    context = Context(reading.features, reading.signals, Hub(reading.changes), ApiMetrics(registry))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await context.hub.close()
            await reading.close()

    return assembled(context, keys, lifespan)


def assembled(
    context: Context, keys: Keys, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """The app around `context`; `lifespan` as FastAPI takes it."""
    api = FastAPI(
        title="Hayate",
        summary="Features and signals of market data, as they are now and as they were known",
        version="1",
        lifespan=lifespan,
        # The page that FastAPI brings fetches its scripts from elsewhere (agents/api/page.py).
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # One address for each thing.
        redirect_slashes=False,
    )
    api.state.context = context
    # In this order: /v1/features/{symbol}/history is tried before /v1/features/{symbol}.
    for router in (past.router, features.router, catalogue.router, signals.router, stream.router, health.router):
        api.include_router(router)
    add_document(api)
    add_problems(api)
    # The last one is the outermost.
    api.add_middleware(EncodedSlashes)
    api.add_middleware(BodyLimit)
    api.add_middleware(Access, keys=keys)
    api.add_middleware(Observed, metrics=context.metrics)
    return api
