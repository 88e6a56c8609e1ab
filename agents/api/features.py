"""The newest features: of one symbol, and of many."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from agents.api import models
from agents.api.answers import json_response, rows_of
from agents.api.context import InContext, Names, Now, unique
from agents.api.paths import symbol_of
from agents.api.problems import ApiError

router = APIRouter(prefix="/v1/features", tags=["features"])


@router.post(
    "",
    summary="Newest features of many symbols",
    response_model=models.FeatureRows,
    operation_id="read_features",
)
async def read_many(wanted: models.FeaturesWanted, context: InContext) -> Response:
    """In one atomic step: all rows are of one moment and one feature set.

    A symbol without a record of that set is `absent`, its values are null.
    """
    symbols = unique(wanted.symbols) or []
    return json_response(
        rows_of(await context.features.latest_many(symbols, unique(wanted.names), now_ns=wanted.now_ns))
    )


@router.get(
    "/{symbol}",
    summary="Newest features of one symbol",
    response_model=models.Features,
    operation_id="read_symbol",
)
async def read_one(
    symbol: Annotated[str, Depends(symbol_of)], context: InContext, names: Names = None, now_ns: Now = None
) -> Response:
    """All of one record, with its status now."""
    found = await context.features.latest(symbol, unique(names), now_ns=now_ns)
    if found is None:
        raise ApiError(404, "no-features", "the symbol has no features, or they have expired; /v1/symbols lists them")
    return json_response(found)
