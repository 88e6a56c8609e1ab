"""Signals in the Redis of a worker's settings."""

from collections.abc import Awaitable, Callable

from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.features.setup import latest_ttl_s
from tables.redis_connection import pool_of
from tables.sealing import Sealer
from tables.signals.store import RedisSignals

TIMEOUT_S = 5.0


def signals_for(
    settings: Settings, feature_set: FeatureSet, *, trusted: Callable[[], Awaitable[None]] | None = None
) -> RedisSignals:
    """What the ensemble writes into, not connected; `trusted` as RedisSignals has it.

    Raises:
        ConfigError: the settings cannot work.
    """
    return RedisSignals(
        pool_of(settings, TIMEOUT_S),
        version=feature_set.version if settings.beside else "",
        ttl_s=latest_ttl_s(settings, feature_set),
        sealer=Sealer.load(settings.features_key_file),
        trusted=trusted,
    )
