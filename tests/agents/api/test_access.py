"""Nobody is served without a key, keys can be replaced, and none is ever seen again."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.api.access import PUBLIC, Keys
from agents.api.limits import MAX_BODY
from streams.errors import ConfigError
from tests.agents.api.api_world import KEY, World, keys_file

OTHER = "another-key-0123456789"


def paths(api: World) -> list[tuple[str, str]]:
    """Every method and path of the document, with a symbol that has data."""
    document = api.api.openapi()
    return [
        (method.upper(), path.replace("{symbol}", "ES").replace("{version}", "0123456789ab"))
        for path, methods in document["paths"].items()
        for method in methods
    ]


async def test_every_path_without_a_key_is_401_and_says_nothing(api: World) -> None:
    tried = [*paths(api), ("GET", "/nowhere"), ("GET", "/v1/features/BTC%2FUSDT"), ("POST", "/healthz/x")]
    assert len(tried) > 12
    async with api.client() as client:
        client.headers.clear()
        for method, path in tried:
            for headers in (
                {},
                {"X-API-Key": KEY[:-1]},
                {"Authorization": f"Basic {KEY}"},
                {"Authorization": "Bearer"},
            ):
                answer = await client.request(method, path, headers=headers)
                if path in PUBLIC:
                    assert answer.status_code == 200
                    continue
                assert answer.status_code == 401, path
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert answer.json()["type"] == "urn:hayate:no-key"
                assert "ES" not in answer.text
                assert "ticks-0" not in answer.text


async def test_pages_without_data_need_no_key(api: World) -> None:
    async with api.client() as client:
        client.headers.clear()
        for path in ("/docs", "/openapi.json", "/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200


async def test_a_key_comes_in_either_header(api: World) -> None:
    async with api.client() as client:
        client.headers.clear()
        for headers in ({"x-api-key": KEY}, {"authorization": f"bearer {KEY}"}, {"Authorization": f"Bearer  {KEY} "}):
            assert (await client.get("/v1/symbols", headers=headers)).status_code == 200


async def test_no_key_is_logged(api: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with api.client() as client:
        await client.get("/v1/symbols")
        await client.get(f"/v1/symbols?after=x&key={KEY}")
        await client.get("/v1/symbols", headers={"X-API-Key": OTHER})
    lines = [one.getMessage() for one in caplog.records if one.name == "hayate.api.access"]
    assert [line.split()[1:5] for line in lines] == [
        ["reader", "GET", "/v1/symbols", "200"],
        ["reader", "GET", "/v1/symbols", "200"],
        ["-", "GET", "/v1/symbols", "401"],
    ]
    assert KEY not in "\n".join(lines)
    assert OTHER not in "\n".join(lines)


def test_keys_are_replaced_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    path = keys_file(tmp_path)
    keys = Keys(path, clock=lambda: now)

    def write(text: str) -> None:
        stamp = path.stat().st_mtime_ns
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(stamp + 1, stamp + 1))

    write(f"# two for a while\n\nreader {KEY}\nnext {OTHER}\n")
    assert (keys.name_of(KEY), keys.name_of(OTHER)) == ("reader", None), "not looked at again yet"
    now = 1.0
    assert (keys.name_of(KEY), keys.name_of(OTHER)) == ("reader", "next")
    write(f"next {OTHER}\n")
    now = 2.0
    assert (keys.name_of(KEY), keys.name_of(OTHER)) == (None, "next")
    write("half a l")
    now = 3.0
    assert keys.name_of(OTHER) == "next", "a file that cannot be read changes nothing"
    path.unlink()
    now = 4.0
    assert keys.name_of(OTHER) == "next"
    assert "stay as they were" in caplog.text
    assert OTHER not in caplog.text + repr(keys)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no key"),
        ("# nothing\n", "no key"),
        ("lonely-word-of-some-length\n", "line 1"),
        ("a short\n", "line 1"),
        (f"a {OTHER}\nb with spaces in its key 1234\n", "line 2"),
        (f"a {OTHER}\na {OTHER}x\n", "line 2"),
        (f"näme {OTHER}\n", "line 1"),
    ],
)
def test_a_file_that_will_not_do_is_refused_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        Keys(path)
    assert "HAYATE_API_KEYS_FILE" in str(caught.value)
    assert OTHER not in str(caught.value)


def test_without_a_file_nobody_is_served(tmp_path: Path) -> None:
    for path in (None, tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match="HAYATE_API_KEYS_FILE"):
            Keys(path)


@given(given_key=st.text(max_size=60))
def test_no_other_text_is_a_key(tmp_path_factory: pytest.TempPathFactory, given_key: str) -> None:
    keys = Keys(keys_file(tmp_path_factory.mktemp("keys")))
    assert keys.name_of(given_key) == ("reader" if given_key == KEY else None)


async def test_a_body_too_large_is_413(api: World) -> None:
    async def parts() -> Any:
        for _ in range(40):
            yield b"[" * 4096

    async with api.client() as client:
        for body in (b"x" * (MAX_BODY + 1), parts()):
            answer = await client.post("/v1/features", content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["type"]) == (413, "urn:hayate:too-large")


async def test_what_nobody_expected_is_500_and_shows_nothing(
    api: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> list[str]:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(api.context.features, "symbols", fail)
    async with api.client() as client:
        answer = await client.get("/v1/symbols")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "inside" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["request_id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_another_method_is_405(api: World) -> None:
    async with api.client() as client:
        answer = await client.delete("/v1/symbols")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["type"] == "urn:hayate:no-such-method"
