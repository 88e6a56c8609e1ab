"""The newest signal of a symbol."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from agents.api import models
from agents.api.answers import json_response, signal_of
from agents.api.context import InContext, Now
from agents.api.paths import symbol_of
from agents.api.problems import ApiError

router = APIRouter(prefix="/v1/signals", tags=["signals"])


@router.get(
    "/{symbol}", summary="Newest signal of one symbol", response_model=models.LatestSignal, operation_id="read_signal"
)
async def read_signal(symbol: Annotated[str, Depends(symbol_of)], context: InContext, now_ns: Now = None) -> Response:
    """As in the topic `signals`, with its age; `expired` once its horizon is over."""
    (found,) = await context.signals.latest([symbol], now_ns=now_ns)
    if found is None:
        raise ApiError(404, "no-signal", "the symbol has no signal, or it has expired")
    return json_response(signal_of(found))
