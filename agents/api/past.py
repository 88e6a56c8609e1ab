"""Features of the past: by the second, and as of a moment."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from agents.api import models
from agents.api.answers import json_response
from agents.api.context import InContext, Names, Now, unique
from agents.api.limits import MAX_SECONDS
from agents.api.models import MAX_NS, NAME_PATTERN
from agents.api.paths import symbol_of
from agents.api.problems import ApiError
from tables.features.freshness import NS

router = APIRouter(prefix="/v1/features/{symbol}", tags=["features"])


def _time(about: str) -> Any:
    return Query(ge=0, le=MAX_NS, description=f"{about}, ns since the epoch", examples=[1_378_216_387_000_000_000])


@router.get(
    "/history",
    summary="One feature by the second",
    response_model=models.History,
    operation_id="read_history",
)
async def read_history(
    symbol: Annotated[str, Depends(symbol_of)],
    context: InContext,
    name: Annotated[str, Query(pattern=NAME_PATTERN, description="Of the feature", examples=["sma_20"])],
    start_ns: Annotated[int, _time("The first second begins then or later")],
    end_ns: Annotated[int, _time("The last second begins before")],
    now_ns: Now = None,
    limit: Annotated[int, Query(ge=1, le=MAX_SECONDS, description="Seconds to look at")] = MAX_SECONDS,
) -> Response:
    """The last value of each second that begins in [start_ns, end_ns).

    One page looks at `limit` seconds; `next_start_ns` is where the next one begins.
    """
    first = -(-start_ns // NS)
    page_end = min(end_ns, (first + limit) * NS)
    found = await context.features.history(symbol, name, start_ns, page_end, now_ns=now_ns)
    answer = msgspec.structs.asdict(found)
    return json_response(answer | {"next_start_ns": page_end if page_end < end_ns else None})


@router.get(
    "/as-of",
    summary="What was known at a moment",
    response_model=models.PastFeatures,
    operation_id="read_as_of",
)
async def read_as_of(
    symbol: Annotated[str, Depends(symbol_of)],
    context: InContext,
    ts_ns: Annotated[int, _time("The moment")],
    names: Names = None,
) -> Response:
    """The last record of the newest second that was over at `ts_ns`, as far back as history is kept.

    Status, flags and age are those of that moment. Without `names` all that keep history.
    """
    found = await context.features.as_of(symbol, unique(names), ts_ns)
    if found is None:
        raise ApiError(404, "no-features", "no second within the life of the history has a record of the symbol")
    return json_response(found)
