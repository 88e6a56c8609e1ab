"""Features and signals as they change: server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from agents.api.context import InContext, Names, unique
from agents.api.event_stream import EventStream
from agents.api.limits import MAX_STREAM_SYMBOLS
from agents.api.mailbox import KINDS, Kind, Mailbox
from agents.api.problems import ApiError
from streams.records import SYMBOL_PATTERN

router = APIRouter(prefix="/v1", tags=["stream"])

MAX_STREAMS = 1_000
"""Open at a time, of one process."""


@router.get(
    "/stream",
    summary="Features and signals as they change",
    operation_id="stream",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    },
)
async def stream(
    request: Request,
    context: InContext,
    symbols: Annotated[
        list[Annotated[str, Query(pattern=SYMBOL_PATTERN)]],
        Query(min_length=1, max_length=MAX_STREAM_SYMBOLS, description="Once for each: `symbols=ES&symbols=NQ`"),
    ],
    names: Names = None,
    kinds: Annotated[list[Kind] | None, Query(description="Without it both")] = None,
    seconds: Annotated[float | None, Query(gt=0, le=86_400, description="End after so long; without it never")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """The newest record of each symbol at once, and every newer one.

    Events: `features` and `signals`, as the other paths answer them; `absent` (`symbol`, `kind`) where there is none;
    `store` (`up`) where the feature store goes away and comes back, after which everything that changed is sent. A
    symbol whose values become stale is sent again. A comment comes every 15 s.

    Who reads slowly skips records, never the newest one. Who comes back with `Last-Event-ID` gets what is newest now,
    but for the record with that id.
    """
    wanted = unique(names)
    if len(context.hub) >= MAX_STREAMS:
        raise ApiError(503, "too-many-streams", f"{MAX_STREAMS} streams are open here; try again, or another server")
    if wanted is not None:
        # A name that is in no feature set is refused before the stream begins.
        await context.features.latest_many(symbols[:1], wanted)
    box = Mailbox(
        dict.fromkeys(symbols),
        kinds or KINDS,
        wanted,
        seen=last_event_id or "",
        on_conflated=context.metrics.conflated.inc,
    )
    return EventStream(
        context.hub,
        box,
        context.metrics,
        heartbeat_s=context.heartbeat_s,
        slow_s=context.slow_s,
        longest_s=seconds,
        may_read=request.state.may_read,
    )
