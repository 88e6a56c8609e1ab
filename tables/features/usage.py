"""What Redis says of its memory: how much is used, how much there may be, and what it does when that is reached."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

KEEPS: Final = "noeviction"
"""The policy under which a full server refuses writes, and says so, instead of dropping keys in silence."""


@dataclass(frozen=True)
class Usage:
    """One look at the server; everything that lives in it counts, whoever wrote it."""

    used_bytes: int
    max_bytes: int
    """0: no limit."""
    own_bytes: int
    """What it took before it held anything."""
    keys: int
    policy: str

    def room(self) -> int | None:
        """Bytes that data may take; None without a limit."""
        return max(0, self.max_bytes - self.own_bytes) if self.max_bytes else None

    def limit(self) -> str:
        """The limit, for a person."""
        return f"maxmemory {megabytes(self.max_bytes)}" if self.max_bytes else "no maxmemory"

    def warnings(self) -> Iterator[str]:
        """What makes it lose features without a word."""
        if not self.max_bytes:
            yield "it has no maxmemory: it grows until the system ends it; `CONFIG SET maxmemory` to what it may take"
        if self.policy != KEEPS:
            yield (
                f"maxmemory-policy {self.policy} evicts features when memory is full, and reads then miss them without "
                f"a word; `CONFIG SET maxmemory-policy {KEEPS}`"
            )


async def read_usage(client: Redis) -> Usage:
    """Ask the server, in one round trip.

    Raises:
        redis.exceptions.RedisError, OSError: as the client does.
    """
    pipe = client.pipeline(transaction=False)
    pipe.info("memory")
    pipe.dbsize()
    memory, keys = await pipe.execute()
    found: dict[str, Any] = memory
    return Usage(
        used_bytes=int(found["used_memory"]),
        max_bytes=int(found["maxmemory"]),
        own_bytes=int(found["used_memory_startup"]),
        keys=int(keys),
        policy=str(found["maxmemory_policy"]),
    )


def megabytes(count: float) -> str:
    """`count` bytes for a person."""
    return f"{count / 1_000_000:,.1f} MB"
