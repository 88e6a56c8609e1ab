"""The feature store of a worker's settings, and what fills it from the topic."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from redis.asyncio import Redis

from streams.feature_set import FeatureSet
from streams.kafka.topics import FEATURES
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.budget import Budget
from tables.features.contract import FeatureFiller
from tables.features.healing import Healer, Log
from tables.features.keys import FeatureKeys
from tables.features.past import PastDecoder
from tables.features.schema import Meaning
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import RedisFeatureSource
from tables.features.verify import Verifier
from tables.redis_connection import FAILURES, address_of, explain, make_pool
from tables.redis_tls import RedisTls
from tables.sealing import Sealer

TIMEOUT_S: Final = 5.0
"""Of a connection, and of a reply to a command."""


def store_for(
    settings: Settings, feature_set: FeatureSet, *, trusted: Callable[[], Awaitable[None]] | None = None
) -> RealTimeFeatureStore:
    """The store in Redis, not connected; `trusted` as RealTimeFeatureStore has it.

    Raises:
        ConfigError: the settings cannot work.
    """
    return RealTimeFeatureStore(
        settings.redis_url,
        password=settings.redis_password(),
        tls=RedisTls.of(settings),
        sealer=Sealer.load(settings.features_key_file),
        names=feature_set.outputs,
        schema=feature_set.version,
        meaning=Meaning.of(feature_set),
        history=feature_set.history,
        beside=settings.beside,
        ttls=feature_set.history_ttls(settings.feature_ttl_s),
        latest_ttl_s=latest_ttl_s(settings, feature_set),
        budget=budget_for(settings, feature_set),
        trusted=trusted,
    )


def budget_for(settings: Settings, feature_set: FeatureSet) -> Budget:
    """What the set is going to need of Redis' memory."""
    return Budget(
        FeatureKeys(feature_set.version, beside=settings.beside),
        values=len(feature_set.outputs),
        ttls=feature_set.history_ttls(settings.feature_ttl_s),
        symbols=settings.store_symbols,
        ticks_per_s=settings.store_ticks_per_s,
        sealed=settings.features_key_file is not None,
    )


def healer_for(
    settings: Settings,
    feature_set: FeatureSet,
    filler: FeatureFiller,
    log: Log,
    clock: Callable[[], float] = time.time,
) -> Healer:
    """What fills the store from `features`; `clock` gives Unix seconds."""
    return Healer(
        log,
        filler,
        PastDecoder(feature_set.outputs, feature_set.version),
        settings.topic(FEATURES),
        ttl_s=max(feature_set.history_ttls(settings.feature_ttl_s).values(), default=0),
        latest_ttl_s=latest_ttl_s(settings, feature_set),
        clock=clock,
    )


def latest_ttl_s(settings: Settings, feature_set: FeatureSet) -> int:
    """Life of a symbol's newest record, seconds."""
    own = feature_set.options.ttl.latest
    return settings.latest_ttl_s if own is None else own


@asynccontextmanager
async def client_for(settings: Settings) -> AsyncIterator[Redis]:
    """A plain client, for what is asked once; what it raises is named by what to do about it.

    Raises:
        ConfigError, RetryError: as `explain` says.
    """
    pool = make_pool(settings.redis_url, settings.redis_password(), TIMEOUT_S, RedisTls.of(settings))
    try:
        yield Redis(connection_pool=pool)
    except FAILURES as error:
        raise explain(error, address_of(pool)) from error
    finally:
        await pool.disconnect()


@asynccontextmanager
async def verifier_for(settings: Settings, feature_set: FeatureSet, log: Log, rng: Random) -> AsyncIterator[Verifier]:
    """What compares the store with `features`; `rng` draws the sample."""
    pool = make_pool(settings.redis_url, settings.redis_password(), TIMEOUT_S, RedisTls.of(settings))
    opener = FeatureOpener(Sealer.load(settings.features_key_file))
    try:
        yield Verifier(
            log,
            RedisFeatureSource(pool, feature_set.version if settings.beside else "", opener),
            PastDecoder(feature_set.outputs, feature_set.version),
            settings.topic(FEATURES),
            feature_set.outputs,
            ttls=feature_set.history_ttls(settings.feature_ttl_s),
            latest_ttl_s=latest_ttl_s(settings, feature_set),
            clock=time.time,
            rng=rng,
        )
    finally:
        await pool.disconnect()
