"""Which feature set readers of the active one get, and how they never mix two.

`features:active` names a version; its keys are those with the version in them. Where it is absent or says `base`, the
active set is the one that runs without HAYATE_BESIDE, under the keys without a version. A promotion back says `base`:
absent it would look like lost, and a worker would write again what it remembers. `faust -A app store promote VERSION`
sets it. No worker does anything about it: each set goes on under its own keys, before and after, and across restarts;
the one that nobody reads any more is stopped when it suits, and its keys expire.

A reader remembers which set was active, reads that one's keys, and reads `features:active` in the same transaction: if
it names another by then, the answer is thrown away and the reader asks again, under the right keys. So an answer is of
one set whole, whatever moment the promotion chose; it costs one more GET in a round trip that is made anyway, and one
more round trip once per promotion. A reader needs no functions on the server, and no right but to read.
"""

from typing import Any, Final

from redis.asyncio import Redis

from streams.errors import ConfigError
from tables.features.keys import ACTIVE, BASE, SCHEMAS, VERSION, FeatureKeys

ATTEMPTS: Final = 10
"""Of one read. Each but the first needs a promotion in the milliseconds before it."""


class FeatureActive:
    """Says and changes which set is active."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def look(self) -> str:
        """Version of the active set, empty for the one without a version in its keys."""
        return _version(await self._client.get(ACTIVE))

    async def promote(self, version: str) -> None:
        """Make `version` the active set; `BASE`, or the version that the keys without one have, for those.

        Raises:
            ConfigError: there is no such set in Redis.
        """
        if version == BASE or version == await self._base_version():
            await self._client.set(ACTIVE, BASE)
        elif VERSION.fullmatch(version) and await self._client.exists(FeatureKeys(version, beside=True).symbols):
            await self._client.set(ACTIVE, version)
        else:
            there = ", ".join(await self.versions()) or "none"
            raise ConfigError(
                f"no feature set {version!r} has symbols in this Redis, readers would find nothing; there are: {there}"
            )

    async def restore(self, version: str) -> None:
        """Name `version` again on a server that lost its data, unless somebody has promoted another meanwhile."""
        await self._client.set(ACTIVE, version, nx=True)

    async def versions(self) -> list[str]:
        """Versions that have symbols here, that of the keys without one first."""
        base = await self._base_version()
        described: Any = await self._client.smembers(SCHEMAS)
        beside = [
            version
            for version in sorted(text.decode(errors="replace") for text in described)
            if VERSION.fullmatch(version) and await self._client.exists(FeatureKeys(version, beside=True).symbols)
        ]
        return [*([base] if base else []), *beside]

    async def _base_version(self) -> str:
        """Version of the record that was last written under keys without one; empty where there is none."""
        keys = FeatureKeys()
        newest: Any = await self._client.zrange(keys.symbols, 0, 0, desc=True)
        schema: Any = await self._client.hget(keys.latest(newest[0].decode()), "schema") if newest else None
        return "" if schema is None else str(schema.decode())


def _version(found: Any) -> str:
    """What `features:active` holds; anything but a version counts as nothing, for it can name no keys."""
    text = "" if found is None else found.decode(errors="replace")
    return text if VERSION.fullmatch(text) else ""
