"""What the routes work with, and how they get it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Query, Request

from agents.api.hub import Hub
from agents.api.limits import MAX_NAMES
from agents.api.models import MAX_NS, NAME_PATTERN
from agents.api.observed import ApiMetrics
from tables.features.answers import FeatureHistory, LatestFeatures, PastFeatures
from tables.features.matrix import FeatureMatrix
from tables.features.schema import FeatureSchema
from tables.signals.reads import SignalReads


class Features(Protocol):
    """What is read of features: RealTimeFeatureStore, or its twin in memory."""

    async def latest(
        self, symbol: str, names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> LatestFeatures | None:
        """As FeatureReads.latest."""

    async def latest_many(
        self, symbols: Sequence[str], names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> FeatureMatrix:
        """As FeatureReads.latest_many."""

    async def history(
        self, symbol: str, name: str, start_ns: int, end_ns: int, *, now_ns: int | None = None
    ) -> FeatureHistory:
        """As FeatureReads.history."""

    async def as_of(self, symbol: str, names: Sequence[str] | None, ts_ns: int) -> PastFeatures | None:
        """As FeatureReads.as_of."""

    async def symbols(self) -> list[str]:
        """As FeatureReads.symbols."""

    async def describe(self, version: str) -> FeatureSchema | None:
        """As FeatureReads.describe."""

    async def schemas(self) -> list[FeatureSchema]:
        """As FeatureReads.schemas."""


@dataclass
class Context:
    """Everything that the routes of one app share."""

    features: Features
    signals: SignalReads
    hub: Hub
    metrics: ApiMetrics
    heartbeat_s: float = 15.0
    slow_s: float = 30.0
    clock: Callable[[], float] = field(default=time.monotonic)


def context_of(request: Request) -> Context:
    """The app's."""
    found: Context = request.app.state.context
    return found


InContext = Annotated[Context, Depends(context_of)]

Names = Annotated[
    list[Annotated[str, Query(pattern=NAME_PATTERN)]] | None,
    Query(
        max_length=MAX_NAMES,
        description="Features, once for each: `names=sma_20&names=rsi_14`; without it all",
        examples=[["sma_20", "rsi_14"]],
    ),
]
Now = Annotated[
    int | None,
    Query(
        ge=0,
        le=MAX_NS,
        description="Time by which ages are counted and stale is decided, ns since the epoch: for replays of the past. "
        "Without it the server's",
    ),
]


def unique(names: Sequence[str] | None) -> list[str] | None:
    """Each once, in the order in which they came first; None for none."""
    return list(dict.fromkeys(names)) if names else None
