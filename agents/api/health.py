"""How the server is: `/healthz`, `/readyz` and `/metrics`."""

import asyncio

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from agents.api import models
from agents.api.answers import json_response
from agents.api.context import InContext
from agents.api.problems import ApiError
from streams.errors import HayateError

router = APIRouter(tags=["health"])
LONGEST_S = 1.0


@router.get("/healthz", summary="Whether the process lives", response_model=models.Health, operation_id="healthz")
async def healthz() -> Response:
    """Without a key."""
    return json_response({"status": "ok"})


@router.get("/readyz", summary="Whether the feature store answers", response_model=models.Health, operation_id="readyz")
async def readyz(context: InContext) -> Response:
    """Without a key; 503 where the store does not answer within a second."""
    try:
        await asyncio.wait_for(context.features.describe("000000000000"), LONGEST_S)
    except (HayateError, TimeoutError):
        raise ApiError(503, "store-away", "the feature store does not answer") from None
    return json_response({"status": "ok"})


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(context: InContext) -> Response:
    """Of this process."""
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
