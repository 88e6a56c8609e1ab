"""What each path answers, over Redis and over the twins alike."""

import struct
from typing import Any

import pytest

from tests.agents.api.api_world import NAMES, NOW_NS, NS, SCHEMA, T0, World, record, signal


async def get(api: World, path: str, status: int = 200, **options: Any) -> Any:
    async with api.client() as client:
        answer = await client.get(path, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == ("application/json" if status == 200 else "application/problem+json")
    return answer.json()


async def test_one_symbol(api: World) -> None:
    assert await get(api, "/v1/features/ES") == {
        "symbol": "ES",
        "ts_ns": (T0 + 1) * NS,
        "schema": SCHEMA,
        "status": "ready",
        "id": "ticks-0-2",
        "price": 1.5,
        "values": dict(zip(NAMES, [0.1 + 0.2, 5e-324, -1.7976931348623157e308], strict=True)),
        "flags": {},
        "age_s": 4.0,
    }


async def test_numbers_read_back_to_the_same_bits(api: World) -> None:
    values = (await get(api, "/v1/features/ES"))["values"]
    expected = struct.pack("<3d", 0.1 + 0.2, 5e-324, -1.7976931348623157e308)
    assert struct.pack("<3d", *values.values()) == expected


async def test_a_slash_in_a_symbol_is_written_as_2f(api: World) -> None:
    for written in ("BTC%2FUSDT", "BTC%2fUSDT"):
        found = await get(api, f"/v1/features/{written}?names=sma_5&names=rsi_14%401m.live")
        assert found["symbol"] == "BTC/USDT"
        assert found["values"] == {"sma_5": 1.0, "rsi_14@1m.live": None}
        assert (found["flags"], found["status"]) == ({"rsi_14@1m.live": "warming"}, "warming")
    await get(api, "/v1/features/BTC/USDT", 404)
    await api.put(record("A/history", 9, 0, [1.0, 1.0, 1.0]))
    assert (await get(api, "/v1/features/A%2Fhistory"))["symbol"] == "A/history"


async def test_the_time_by_which_ages_are_counted_may_be_given(api: World) -> None:
    found = await get(api, "/v1/features/ES", params={"now_ns": (T0 + 61) * NS + 1})
    assert (found["status"], found["flags"]) == ("stale", {"sma_5": "stale"})
    assert (await get(api, "/v1/features/ES", params={"names": "mid", "now_ns": NOW_NS + 999 * NS}))[
        "status"
    ] == "ready"


async def test_many_symbols(api: World) -> None:
    async with api.client() as client:
        answer = await client.post(
            "/v1/features", json={"symbols": ["NQ", "XX", "NQ", "ES"], "names": ["mid", "sma_5"]}
        )
        whole = await client.post("/v1/features", json={"symbols": ["BTC/USDT"], "now_ns": (T0 + 3) * NS})
    assert answer.status_code == 200
    absent = {"symbol": "XX", "status": "absent", "ts_ns": None, "age_s": None, "id": None, "values": [None, None]}
    assert answer.json() == {
        "schema": SCHEMA,
        "names": ["mid", "sma_5"],
        "rows": [
            {
                "symbol": "NQ",
                "status": "gapped",
                "ts_ns": (T0 + 2) * NS,
                "age_s": 3.0,
                "id": "ticks-0-4",
                "values": [3.0, 1.0],
                "flags": {"sma_5": "gapped"},
            },
            absent | {"flags": {"mid": "absent", "sma_5": "absent"}},
            {
                "symbol": "ES",
                "status": "ready",
                "ts_ns": (T0 + 1) * NS,
                "age_s": 4.0,
                "id": "ticks-0-2",
                "values": [-1.7976931348623157e308, 0.1 + 0.2],
                "flags": {},
            },
        ],
    }
    assert whole.json()["names"] == list(NAMES)
    assert whole.json()["rows"][0]["values"] == [1.0, None, 3.0]
    assert whole.json()["rows"][0]["age_s"] == 1.0


async def test_history_in_pages(api: World) -> None:
    query: dict[str, Any] = {"name": "sma_5", "start_ns": (T0 - 1) * NS + 1, "end_ns": (T0 + 3) * NS, "limit": 1}
    pages = []
    while query["start_ns"] is not None:
        pages.append(await get(api, "/v1/features/ES/history", params=query))
        query["start_ns"] = pages[-1]["next_start_ns"]
    assert [[point["value"] for point in page["points"]] for page in pages] == [[0.1], [0.1 + 0.2], []]
    whole = await get(api, "/v1/features/ES/history", params=query | {"start_ns": T0 * NS, "limit": 3600})
    assert whole["points"][1] == {
        "second": T0 + 1,
        "value": 0.1 + 0.2,
        "flag": "ready",
        "ts_ns": (T0 + 1) * NS,
        "id": "ticks-0-2",
    }
    assert (whole["status"], whole["age_s"], whole["next_start_ns"]) == ("ready", 4.0, None)


async def test_as_of(api: World) -> None:
    found = await get(api, "/v1/features/ES/as-of", params={"ts_ns": (T0 + 1) * NS, "names": ["mid"]})
    assert (found["values"], found["second"], found["age_s"]) == ({"mid": 0.3}, T0, 1.0)
    await get(api, "/v1/features/ES/as-of", 404, params={"ts_ns": T0 * NS})


async def test_what_is_not_there_is_404_and_says_what(api: World) -> None:
    for path, word in (
        ("/v1/features/XX", "no-features"),
        ("/v1/features/ES?names=sma_9", "no-such-feature"),
        ("/v1/features/ES/history?name=rsi_14%401m.live&start_ns=0&end_ns=1", "no-such-feature"),
        ("/v1/features/XX/as-of?ts_ns=1", "no-features"),
        ("/v1/features/%25", "no-such-symbol"),
        ("/v1/signals/NQ", "no-signal"),
        ("/v1/schemas/ffffffffffff", "no-such-schema"),
        ("/v1/stream?symbols=ES&names=sma_9", "no-such-feature"),
        ("/v2/features", "no-such-path"),
    ):
        found = await get(api, path, 404)
        assert found["type"] == f"urn:hayate:{word}"
        assert (found["status"], found["title"]) == (404, "Not Found")
        assert len(found["request_id"]) == 16


async def test_symbols_in_pages(api: World) -> None:
    assert await get(api, "/v1/symbols") == {"symbols": ["BTC/USDT", "ES", "NQ"], "next": None}
    assert await get(api, "/v1/symbols?limit=2") == {"symbols": ["BTC/USDT", "ES"], "next": "ES"}
    assert await get(api, "/v1/symbols?limit=2&after=ES") == {"symbols": ["NQ"], "next": None}


async def test_schemas_have_a_tag(api: World) -> None:
    (schema,) = (await get(api, "/v1/schemas"))["schemas"]
    assert schema == await get(api, f"/v1/schemas/{SCHEMA}")
    assert (schema["outputs"], schema["limits"], schema["history"]) == (list(NAMES), {"sma_5": 60.0}, ["sma_5", "mid"])
    async with api.client() as client:
        for path in ("/v1/schemas", f"/v1/schemas/{SCHEMA}"):
            tag = (await client.get(path)).headers["etag"]
            for sent, status in ((tag, 304), (f'"other", W/{tag}', 304), ("*", 304), ('"other"', 200)):
                answer = await client.get(path, headers={"If-None-Match": sent})
                assert (answer.status_code, answer.headers["etag"]) == (status, tag)
                assert (answer.content == b"") == (status == 304)


async def test_the_newest_signal(api: World) -> None:
    async with api.client() as client:
        raw = (await client.get("/v1/signals/ES")).content
    assert signal("ES", 2).record in raw, "byte for byte that of the topic"
    found = await get(api, "/v1/signals/BTC%2FUSDT", params={"now_ns": (T0 + 11) * NS})
    assert (found["signal"]["symbol"], found["age_s"], found["expired"]) == ("BTC/USDT", 11.0, True)


async def test_health(api: World) -> None:
    assert await get(api, "/healthz") == {"status": "ok"}
    assert await get(api, "/readyz") == {"status": "ok"}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/features/ES?now_ns=-1", "query.now_ns"),
        ("/v1/features/ES/history?name=a&start_ns=x&end_ns=1", "query.start_ns"),
        ("/v1/symbols?limit=0", "query.limit"),
        ("/v1/stream", "query.symbols"),
        ("/v1/schemas/UPPER", "path.version"),
    ],
)
async def test_a_parameter_that_will_not_do_is_named(api: World, path: str, field: str) -> None:
    found = await get(api, path, 422)
    assert [one["field"] for one in found["errors"]] == [field]
    assert field in found["detail"]


@pytest.mark.parametrize(("now", "status"), [("1.7e18", 200), ("2.5", 422), ("true", 422), ('"1"', 422)])
async def test_a_whole_number_is_one_however_it_is_written(api: World, now: str, status: int) -> None:
    async with api.client() as client:
        body = f'{{"symbols": ["ES"], "now_ns": {now}}}'
        answer = await client.post("/v1/features", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


async def test_metrics_are_by_route_and_status(api: World) -> None:
    await get(api, "/v1/features/ES")
    await get(api, "/v1/features/XX", 404)
    await get(api, "/nowhere", 404)
    async with api.client() as client:
        text = (await client.get("/metrics")).text
    route = 'route="/v1/features/{symbol}"'
    assert f'hayate_api_requests_total{{method="GET",{route},status="200"}} 1.0' in text
    assert f'hayate_api_requests_total{{method="GET",{route},status="404"}} 1.0' in text
    assert 'hayate_api_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert f"hayate_api_seconds_count{{{route}}} 2.0" in text
