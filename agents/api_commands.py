"""`faust -A app api`: the HTTP interface of the feature store, alone; and the same beside a worker."""

from typing import Any

import faust
from faust.cli import option
from prometheus_client import CollectorRegistry

from agents.commands import OneShot
from streams.errors import RetryError
from streams.settings import Settings

PORT = 8000
"""Where none is named."""


def add_api_command(app: faust.App, settings: Settings) -> None:
    """Register `api` with Faust's command line."""

    @app.command(
        option("--host", default=settings.api_host, show_default=True, help="address to listen at"),
        option("--port", default=settings.api_port or PORT, show_default=True, type=int, help="port to listen at"),
        base=OneShot,
    )
    async def api(self: OneShot, host: str, port: int) -> str:
        """Serve features and signals over HTTP (docs/http.md); needs Redis and HAYATE_API_KEYS_FILE, no Kafka."""
        # Half a second of imports that no other command needs.
        from agents.api.server import make_api  # noqa: PLC0415
        from agents.api.service import serve  # noqa: PLC0415

        made = make_api(settings)
        print(f"features and signals at http://{host}:{port}/docs", flush=True)
        try:
            await serve(made, host, port, self.stop)
        except (OSError, SystemExit) as error:
            # uvicorn ends the process where the port is taken; it has logged why.
            raise RetryError(f"nothing can listen at {host}:{port}; choose another --port ({error})") from None
        return "stopped"


def add_api_service(app: faust.App, settings: Settings, registry: CollectorRegistry) -> None:
    """Have the worker serve the interface as well, if HAYATE_API_PORT says so.

    Raises:
        ConfigError: there are no keys.
    """
    if not settings.api_port:
        return
    from agents.api.server import make_api  # noqa: PLC0415 - half a second that few workers need
    from agents.api.service import ApiService  # noqa: PLC0415

    made = make_api(settings, registry)

    class HttpInterface(ApiService):
        """As Faust makes its services: a class, and the arguments that all of them take."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(made, settings.api_host, settings.api_port, **kwargs)

    app.service(HttpInterface)
