"""An interface whose Redis is away says so, in a moment, and does not tell where it is."""

from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from agents.api.server import make_api
from streams.settings import Settings
from tests.agents.api.api_world import HEADERS, keys_file


async def test_a_store_that_is_away_is_503(tmp_path: Path, unused_tcp_port: int) -> None:
    settings = Settings(redis_url=f"redis://127.0.0.1:{unused_tcp_port}/0", api_keys_file=keys_file(tmp_path))
    api = make_api(settings, CollectorRegistry())
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=HEADERS) as client:
        for path in ("/v1/symbols", "/v1/features/ES", "/v1/signals/ES", "/v1/schemas", "/readyz"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:hayate:store-away"), path
            assert str(unused_tcp_port) not in answer.text
        assert (await client.get("/healthz")).status_code == 200
