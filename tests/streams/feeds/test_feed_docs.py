"""The examples of docs/feeds.md about ccxt, polling and files, as they stand there."""

import re
import shlex
import tomllib
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from streams.feeds.column_mapping import load_mapping
from streams.feeds.files import TickFile
from streams.feeds.poll_mapping import PollMapping
from streams.feeds.polling import PollingFeed
from streams.feeds.sources import open_source
from streams.records import Tick

PAGE = Path(__file__).resolve().parents[3] / "docs" / "feeds.md"


def section(title: str) -> str:
    """The text under a heading of the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"## {title}\n" in text
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def block(title: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", section(title), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_exchanges_of_the_example_are_opened() -> None:
    pytest.importorskip("ccxt")
    lines = [shlex.split(line) for line in block("Any exchange of ccxt", "sh").splitlines() if "faust" in line]
    assert len(lines) == 2
    for line in lines:
        name, *symbols = line[line.index("feed") + 1 :]
        wanted = [symbol for symbol in symbols if not symbol.startswith("-")]
        source = open_source(name, wanted, quotes="--no-quotes" not in symbols)
        assert source.symbols() == tuple(wanted)
        assert f"ccxt:{source.name}" == name


async def test_the_polling_example_is_fed(tmp_path: Path) -> None:
    asked: list[web.Request] = []

    async def trades(request: web.Request) -> web.Response:
        asked.append(request)
        item = {"price": "61000.5", "amount": "0.25", "taker": "sell", "tradeId": "17", "ts": 1742169600001}
        return web.json_response({"result": {"trades": [item]}})

    app = web.Application()
    app.router.add_get("/v1/trades", trades)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = tmp_path / "dex.toml"
    path.write_text(block("HTTP polling", "toml"))
    mapping = PollMapping.load(path)
    url = mapping.url.replace("https://api.dex.example", f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with aclosing(PollingFeed(mapping, ["BTC/USDT"], url=url).connect()) as stream:
        _, events = await anext(stream)
    await runner.cleanup()
    assert events == [
        Tick(
            "BTC/USDT", 1742169600001000000, price=61000.5, size=0.25, side="sell", seq=17, venue="dex", clock="dex"
        )
    ]  # fmt: skip
    assert asked[0].query == {"market": "BTC_USDT", "limit": "100"}
    assert asked[0].headers["Accept"] == "application/json"
    assert open_source(f"poll:{path}", ["BTC/USDT"]).name == "dex"


@pytest.mark.parametrize("whole", [False, True])
def test_the_mapping_example_reads_the_day_that_it_is_for(tmp_path: Path, whole: bool) -> None:
    """Also with the entries that stand there as comments, where they do not contradict the others."""
    text = block("Files", "toml")
    if whole:
        text = text.replace("# date", "date").replace("# header", "header")
        assert set(tomllib.loads(text)["time"]) == {"zone", "date"}
    (tmp_path / "tse.toml").write_text(text)
    path = tmp_path / "20250317_7203.csv"
    path.write_text(("" if whole else "Time,Price\n") + "09:00:00,2750.5\n")
    assert list(TickFile(path, mapping=load_mapping(tmp_path / "tse.toml"))) == [
        Tick("7203", 1_742_169_600_000_000_000, price=2750.5, venue="tse", clock="tse")
    ]
