"""Removes from Redis what the feature store holds of one feature set."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.errors import RetryError
from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.features.keys import SCHEMAS, FeatureKeys, schema_key
from tables.redis_connection import address_of, pool_of

PER_CALL = 1_000
TIMEOUT_S = 5.0


async def clear_features(settings: Settings) -> int:
    """Remove the keys of the settings' feature set, the active one or the one beside it; returns how many there were.

    Of the active set goes all, whatever versions wrote it, and every description of a version that has no symbols of
    its own beside it. Of a set beside it the description stays: the active set may have the same version by now.

    Raises:
        ConfigError: the feature set, whose version is in the keys of a set beside the active one, cannot be read.
        RetryError: Redis does not answer, or refuses.
    """
    version = FeatureSet.load(settings.feature_set).version if settings.beside else ""
    keys = FeatureKeys(version, beside=settings.beside)
    pool = pool_of(settings, TIMEOUT_S)
    client = Redis(connection_pool=pool)
    removed = 0
    try:
        waiting: list[bytes] = []
        others: set[bytes] = set()
        async for key in client.scan_iter(match=keys.pattern, count=PER_CALL):
            if keys.owns(key.decode(errors="replace")):
                waiting.append(key)
                if len(waiting) == PER_CALL:
                    removed += await client.unlink(*waiting)
                    waiting.clear()
            elif key.startswith(b"features:"):
                others.add(key)
        start = f"signal:{version}:".encode() if version else b"signal:"
        signals = client.scan_iter(match=start + b"*:latest", count=PER_CALL)
        # A symbol has no colon: what has one more names another set.
        waiting += [key async for key in signals if key.removeprefix(start).count(b":") == 1]
        # The pattern of a set beside the active one matches no description.
        if unused := _unused_descriptions(others):
            waiting += unused
            await client.srem(SCHEMAS, *(key.rpartition(b":")[2] for key in unused))
        if waiting:
            removed += await client.unlink(*waiting)
    except (RedisError, OSError) as error:
        raise RetryError(
            f"Redis at {address_of(pool)}: {error}; the keys that are left (docs/records.md) keep what has the higher "
            "offset: start it, and run this again, or remove them yourself"
        ) from None
    finally:
        await client.aclose()
        await pool.aclose()
    return removed


def _unused_descriptions(keys: set[bytes]) -> list[bytes]:
    """Those of `keys` that describe a version without symbols of its own among them."""
    start = schema_key("").encode()
    return [
        key for key in keys if key.startswith(start) and b"features:%b:symbols" % key.removeprefix(start) not in keys
    ]
