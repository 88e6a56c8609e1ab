"""Registration against a local server that behaves as the documentation of kabu STATION's REST API says."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from streams.errors import ConfigError, RetryError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import Prepared
from streams.feeds.venues.kabu import Kabu

PASSWORD = "api-password-of-the-tests"  # noqa: S105 - of nobody
TOKEN = "83d8e1f3e45d4df0b1e8c3e5a7b1f2c4"  # noqa: S105 - nor this


class Station:
    """What the program on the user's machine answers; codes as in its documentation."""

    def __init__(self, *, logged_in: bool = True, token: object = TOKEN) -> None:
        self.registered: list[tuple[str, int]] = []
        self._logged_in = logged_in
        self._token = token

    async def issue(self, request: web.Request) -> web.Response:
        """POST /token."""
        if not self._logged_in:
            return _error(401, 4001007)
        if (await request.json())["APIPassword"] != PASSWORD:
            return _error(401, 4001013)
        return web.json_response({"ResultCode": 0, "Token": self._token})

    async def register(self, request: web.Request) -> web.Response:
        """PUT /register."""
        if request.headers.get("X-API-KEY") != TOKEN:
            return _error(401, 4001009)
        symbols = [(entry["Symbol"], entry["Exchange"]) for entry in (await request.json())["Symbols"]]
        if any(code == "9999" for code, _ in symbols):
            return _error(400, 4002001)
        self.registered += symbols
        return web.json_response({"RegistList": [{"Symbol": code, "Exchange": place} for code, place in symbols]})


def _error(status: int, code: int) -> web.Response:
    return web.json_response({"Code": code, "Message": f"error {code}, you said {PASSWORD}"}, status=status)


@asynccontextmanager
async def serving(station: Station) -> AsyncGenerator[str, None]:
    app = web.Application()
    app.router.add_post("/kabusapi/token", station.issue)
    app.router.add_put("/kabusapi/register", station.register)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/kabusapi/websocket"
    finally:
        await runner.cleanup()


async def prepare(station: Station, *symbols: str, key: str = PASSWORD) -> None:
    async with serving(station) as url, aiohttp.ClientSession() as http:
        venue: Any = Kabu(symbols, credentials=Credentials(SecretStr(key)), url=url)
        assert isinstance(venue, Prepared)
        await venue.prepare(http)


async def test_symbols_are_registered_at_their_exchanges() -> None:
    station = Station()
    await prepare(station, "7203", "8306@1", "167060018@2")
    assert station.registered == [("7203", 1), ("8306", 1), ("167060018", 2)]


async def test_a_wrong_password_ends_the_feed_without_showing_it() -> None:
    with pytest.raises(ConfigError, match=r"code 4001013, HTTP 401") as caught:
        await prepare(Station(), "7203", key="wrong")
    assert "wrong" not in str(caught.value)


async def test_a_code_that_does_not_exist_ends_the_feed() -> None:
    with pytest.raises(ConfigError, match=r"register: error 4002001.*9999"):
        await prepare(Station(), "7203", "9999")


async def test_a_station_that_is_not_logged_in_is_tried_again() -> None:
    """It logs its user out every early morning."""
    with pytest.raises(RetryError, match=r"code 4001007.*is kabu STATION running and logged in\?") as caught:
        await prepare(Station(logged_in=False), "7203")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("token", ["", None, 7])
async def test_an_answer_without_a_token_is_tried_again(token: object) -> None:
    with pytest.raises(RetryError, match="gave no token"):
        await prepare(Station(token=token), "7203")


async def test_an_answer_that_is_no_json_is_tried_again() -> None:
    class Broken(Station):
        async def issue(self, request: web.Request) -> web.Response:
            return web.Response(status=502, text=f"<html>{request.path}")

    with pytest.raises(RetryError, match=r"HTTP 502"):
        await prepare(Broken(), "7203")


async def test_nobody_there_is_the_clients_error() -> None:
    venue = Kabu(("7203",), credentials=Credentials(SecretStr(PASSWORD)), url="ws://127.0.0.1:9/kabusapi/websocket")
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await venue.prepare(http)


def test_the_messages_above_do_carry_the_password() -> None:
    """So that the checks that it is not shown can fail."""
    assert PASSWORD in msgspec.json.decode(_error(401, 1).body, type=dict[str, Any])["Message"]  # type: ignore[arg-type]
