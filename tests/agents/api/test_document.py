"""The OpenAPI document tells the truth, and the page that shows it asks for nothing from elsewhere."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from tests.agents.api.api_world import HEADERS, World, fill, world


async def test_every_operation_is_described(api: World) -> None:
    document = api.api.openapi()
    seen = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            seen.add(operation["operationId"])
            for status, answer in operation["responses"].items():
                assert answer["description"], (path, status)
                if status >= "4":
                    assert list(answer["content"]) == ["application/problem+json"]
            if path.startswith("/v1"):
                assert {"401", "503"} <= operation["responses"].keys()
                assert operation["security"] == [{"key": []}, {"bearer": []}]
    assert {"read_symbol", "read_features", "read_history", "read_as_of", "list_symbols", "stream"} <= seen


async def test_the_page_shows_everything_and_fetches_nothing(api: World) -> None:
    async with api.client() as client:
        answer = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()
    page = answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in page
    assert {link for link in re.findall(r'(?:src|href)="([^"]*)"', page) if not link.startswith("#")} == {
        "/openapi.json"
    }
    for path in document["paths"]:
        assert path in page
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(re.findall(r'id="([^"]*)"', page))


@pytest.mark.parametrize("backend", ["memory", "redis"])
async def test_schemathesis_finds_nothing(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("redis_url") if backend == "redis" else None
    async with world(tmp_path, url) as made:
        await fill(made)
        async with made.served() as port:
            assert await asyncio.to_thread(attack, f"http://127.0.0.1:{port}") > 200


def attack(url: str) -> int:
    """Throw at every path what the document allows, and what it does not; says how many requests were made."""
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    sent = 0
    # A stream does not end by itself; test_stream.py has it.
    for result in document.exclude(path="/v1/stream").get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr] # what cannot be read has no operation, and fails
        modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @settings(max_examples=30, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        @given(case=st.one_of(modes))
        def one(case: Any) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(headers=HEADERS, base_url=url)

        one()
    return sent
