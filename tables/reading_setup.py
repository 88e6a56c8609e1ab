"""What reads the Redis of the settings: features, signals, and what changes."""

import time
from collections.abc import Callable

from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.changes import FeatureChanges
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import RedisFeatureSource
from tables.redis_connection import pool_of
from tables.redis_tls import RedisTls
from tables.sealing import Sealer
from tables.signals.reads import RedisSignalReads


class Reading:
    """All ways of reading one Redis, none of them connected before it is used.

    They read the active feature set, or the one of the settings where that runs beside it.

    Args:
        settings: address, password, certificates and keys of Redis.
        timeout_s: longest wait for a connection and for a reply, seconds.
        connections: most reads of features, and of signals, that are under way at a time; more wait.
        now_ns: the readers' clock.

    Raises:
        ConfigError: the settings cannot work.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float = 2.0,
        connections: int = 16,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        version = FeatureSet.load(settings.feature_set).version if settings.beside else None
        sealer = Sealer.load(settings.features_key_file)
        opener = FeatureOpener(sealer)
        self.features = RealTimeFeatureStore(
            settings.redis_url,
            password=settings.redis_password(),
            tls=RedisTls.of(settings),
            sealer=sealer,
            schema=version or "",
            beside=version is not None,
            timeout_s=timeout_s,
            connections=connections,
            now_ns=now_ns,
        )
        self._pool = pool_of(settings, timeout_s)
        source = RedisFeatureSource(self._pool, version, opener, connections=connections)
        self.signals = RedisSignalReads(source, sealer, now_ns)
        self.changes = FeatureChanges(
            lambda: pool_of(settings, timeout_s), version, opener, sealer, timeout_s=timeout_s, now_ns=now_ns
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.changes.close()
        await self.features.stop()
        await self._pool.disconnect()
