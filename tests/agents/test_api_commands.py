"""`faust -A app api`, and the interface beside a worker."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import faust
import httpx
import pytest
from prometheus_client import CollectorRegistry

from agents.api.service import ApiService
from agents.api_commands import add_api_service
from streams.errors import ConfigError
from streams.settings import Settings

CHECKOUT = Path(__file__).parents[2]
KEY = "sesame-open-sesame"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"reader {KEY}\n", encoding="utf-8")
    return path


async def answered(port: int, path: str) -> httpx.Response:
    async with httpx.AsyncClient(headers={"X-API-Key": KEY}) as client, asyncio.timeout(60):
        while True:
            try:
                return await client.get(f"http://127.0.0.1:{port}{path}")
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


async def test_the_command_serves_until_sigterm(redis_url: str, keys: Path, unused_tcp_port: int) -> None:
    env = {**os.environ, "HAYATE_REDIS_URL": redis_url, "HAYATE_API_KEYS_FILE": str(keys)}
    env = {name: value for name, value in env.items() if not name.startswith("HAYATE_TEST")}
    command = [sys.executable, "-m", "faust", "-A", "app", "api", "--port", str(unused_tcp_port)]
    process = subprocess.Popen(  # noqa: ASYNC220 - it is waited for in a thread
        command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        answer = await answered(unused_tcp_port, "/v1/symbols")
        assert (answer.status_code, answer.json()) == (200, {"symbols": [], "next": None})
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate, timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert f"http://127.0.0.1:{unused_tcp_port}/docs" in out
    assert "stopped" in out
    assert KEY not in out + err


def test_the_command_refuses_to_serve_without_keys(unused_tcp_port: int) -> None:
    command = [sys.executable, "-m", "faust", "-A", "app", "api", "--port", str(unused_tcp_port)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "HAYATE_API_KEYS_FILE" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_worker_serves_it_as_well(redis_url: str, keys: Path, unused_tcp_port: int) -> None:
    app = faust.App("t", broker="kafka://127.0.0.1:1", web_enabled=False)
    registry = CollectorRegistry()
    settings = Settings(redis_url=redis_url, api_port=unused_tcp_port, api_keys_file=keys)
    add_api_service(app, settings, registry)
    (service,) = app._extra_services
    running = service(loop=asyncio.get_running_loop(), beacon=app.beacon)
    assert isinstance(running, ApiService)
    await running.start()
    assert (await answered(unused_tcp_port, "/v1/symbols")).status_code == 200
    assert registry.get_sample_value("hayate_api_seconds_count", {"route": "/v1/symbols"}) == 1.0
    await running.stop()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=1):
        pass


def test_a_worker_without_a_port_has_none() -> None:
    app = faust.App("t", broker="kafka://127.0.0.1:1")
    add_api_service(app, Settings(), CollectorRegistry())
    assert app._extra_services == []
    with pytest.raises(ConfigError, match="HAYATE_API_KEYS_FILE"):
        add_api_service(app, Settings(api_port=1234), CollectorRegistry())
