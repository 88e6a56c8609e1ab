"""What there is to read: symbols and feature sets."""

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from agents.api import models
from agents.api.answers import encoded, json_response
from agents.api.context import InContext
from agents.api.limits import MAX_PAGE
from agents.api.problems import ApiError
from streams.records import SYMBOL_PATTERN

router = APIRouter(prefix="/v1", tags=["catalogue"])

Match = Annotated[str | None, Header(alias="If-None-Match", description="ETag of what the reader has")]


@router.get(
    "/symbols", summary="Symbols that have features", response_model=models.Symbols, operation_id="list_symbols"
)
async def list_symbols(
    context: InContext,
    after: Annotated[str | None, Query(pattern=SYMBOL_PATTERN, description="Last symbol of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1_000,
) -> Response:
    """Sorted, in pages: what comes and goes between two pages does not shift the others."""
    found = [symbol for symbol in await context.features.symbols() if after is None or symbol > after]
    page = found[:limit]
    return json_response({"symbols": page, "next": page[-1] if len(found) > limit else None})


@router.get(
    "/schemas",
    summary="Descriptions of the feature sets",
    response_model=models.Schemas,
    operation_id="list_schemas",
    responses={304: {"description": "What the reader has is still right"}},
)
async def list_schemas(context: InContext, if_none_match: Match = None) -> Response:
    """Of all that have written here: outputs, groups, units, limits, lives. With an ETag."""
    return _tagged({"schemas": await context.features.schemas()}, if_none_match)


@router.get(
    "/schemas/{version}",
    summary="Description of one feature set",
    response_model=models.Schema,
    operation_id="read_schema",
    responses={304: {"description": "What the reader has is still right"}},
)
async def read_schema(
    context: InContext,
    version: Annotated[str, Path(pattern="^[0-9a-f]{12}$", examples=["0123456789ab"])],
    if_none_match: Match = None,
) -> Response:
    """By its version, as in `schema` of an answer. With an ETag."""
    found = await context.features.describe(version)
    if found is None:
        raise ApiError(404, "no-such-schema", "no feature set of that version has written here; /v1/schemas lists them")
    return _tagged(found, if_none_match)


def _tagged(answer: object, if_none_match: str | None) -> Response:
    body = encoded(answer)
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    # Readers ask each time whether it has changed; that is what the tag is for.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")
