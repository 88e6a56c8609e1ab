"""The feature store in Redis (contract: tables/features/contract.py, keys: tables/features/keys.py)."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from pydantic import SecretStr
from redis.asyncio import Redis

from streams.errors import ConfigError, RetryError
from tables.features.budget import Budget
from tables.features.commands import FeatureCommands
from tables.features.contract import FeatureWrite
from tables.features.filler import RedisFiller
from tables.features.keys import FeatureKeys, check_names, history_ttls
from tables.features.reads import FeatureReads
from tables.features.schema import FeatureSchema, Meaning
from tables.features.sealed import FeatureOpener, SealedCommands
from tables.features.source_redis import RedisFeatureSource
from tables.features.usage import Usage, read_usage
from tables.features.writer import FeatureWriter
from tables.redis_connection import FAILURES, explain, make_pool
from tables.redis_tls import RedisTls
from tables.sealing import Sealer

logger = logging.getLogger(__name__)


class RealTimeFeatureStore(FeatureReads):
    """Newest features and their recent history in one Redis 7, Valkey 8 or later.

    Writing: `put_many` gathers and never waits; a task of the store flushes as soon as there is something, and each
    flush takes all that came during the one before. One call of a Redis function per (symbol, second) stores its
    history keys, its latest hash and its place among the symbols in one atomic step, or nothing if the symbol has
    newer.

    Redis away, restarted or emptied: records are kept within `max_pending` (see Pending for what goes first) and
    written when it is back; functions and schema are loaded again by themselves. One warning per outage, one at its
    end.

    Reading needs neither `start` nor names: `RealTimeFeatureStore(url)` reads whatever set is active, and
    `RealTimeFeatureStore(url, schema=version, beside=True)` one beside it; `stop` closes it.

    Args:
        url: `redis://[user[:password]@]host:port/db`, `rediss://` for TLS, `unix://` for a socket.
        password: wins over the one in `url`.
        tls: files of `rediss://`; None verifies the server against the system's authorities.
        sealer: keys with which what is stored is sealed, and what is read is opened; None stores and reads in clear.
        names: outputs of the feature set, in the order of the values that are put.
        schema: version of the feature set.
        history: those of `names` that keep history keys; None is all. The latest hash has all in any case.
        beside: the set runs beside the active one, with keys that name its version (tables/features/keys.py).
        ttl_s: life of a history key after its last write, seconds.
        ttls: the same for single outputs.
        latest_ttl_s: life of a symbol's latest hash after its last write, seconds.
        max_pending: bound of the (symbol, second) records that wait while Redis is away.
        timeout_s: longest wait for a connection and for a reply, seconds.
        budget: what is going to be stored, refused at the start where it cannot fit.
        trusted: returns once this process may write; until then records wait.
        rng: spreads the attempts of several workers; seeded by the system if absent.
        meaning: what the description of the set says beside names and lives (tables/features/schema.py).
        connections: most reads that are under way at a time; more wait.
        now_ns: the reader's clock, by which it is decided what is stale (FeatureReads).

    Raises:
        ConfigError: the URL is malformed, a name cannot be a field, `history` has one that is not in `names`, or
            `schema` is no version where `beside` needs one.
    """

    def __init__(
        self,
        url: str,
        *,
        password: SecretStr | None = None,
        tls: RedisTls | None = None,
        sealer: Sealer | None = None,
        names: Sequence[str] = (),
        schema: str = "",
        history: Sequence[str] | None = None,
        beside: bool = False,
        ttl_s: int = 300,
        ttls: Mapping[str, int] | None = None,
        latest_ttl_s: int = 86_400,
        max_pending: int = 20_000,
        timeout_s: float = 5.0,
        budget: Budget | None = None,
        trusted: Callable[[], Awaitable[None]] | None = None,
        rng: random.Random | None = None,
        meaning: Meaning | None = None,
        connections: int = 16,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.names = check_names(names)
        self.schema = schema
        self._kept = history_ttls(history, self.names, ttl_s, ttls)
        known = FeatureSchema.of(schema, self.names, self._kept, latest_ttl_s, meaning)
        keys = FeatureKeys(schema, beside=beside)
        self._pool = make_pool(url, password, timeout_s, tls)
        make = FeatureCommands if sealer is None else partial(SealedCommands, sealer=sealer)
        commands = make(keys, schema=schema, names=self.names, ttls=self._kept, latest_ttl_s=latest_ttl_s)
        self._writer = FeatureWriter(
            self._pool,
            commands=commands,
            names=self.names,
            schema=schema,
            max_pending=max_pending,
            rng=rng or random.Random(),  # noqa: S311 - spreads attempts, guards no secret
            trusted=trusted or _always,
            budget=budget,
            description=known.encoded(),
        )
        self.filler = RedisFiller(
            self._pool, commands, register=self._writer.register_schema, trusted=trusted or _always
        )
        """Fills from the topic (FeatureFiller)."""
        self.address = self._writer.address
        """`host:port/db`, for messages."""
        self._client = Redis(connection_pool=self._pool)
        # Who names no set reads the active one, whichever that is.
        version = schema if beside else "" if self.names else None
        source = RedisFeatureSource(self._pool, version, FeatureOpener(sealer), connections=connections)
        super().__init__(source, known if self.names else None, now_ns)
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def __repr__(self) -> str:
        return f"RealTimeFeatureStore({self.address}, schema={self.schema!r}, {len(self.names)} names)"

    @property
    def pending(self) -> int:
        """Records put and not stored yet."""
        return self._writer.waiting

    @property
    def written(self) -> int:
        """Records stored."""
        return self._writer.written

    @property
    def ignored(self) -> int:
        """Records that were not newer than their symbol's, when gathered or in Redis."""
        return self._writer.ignored + self._writer.pending.ignored

    @property
    def dropped(self) -> int:
        """Records lost: history seconds beyond `max_pending`, and records that Redis refused for good."""
        return self._writer.refused + self._writer.pending.dropped

    @property
    def trimmed(self) -> int:
        """History seconds given up beyond `max_pending`: the topic has them, and filling brings them back."""
        return self._writer.pending.dropped

    @property
    def errors(self) -> int:
        """Attempts to write that failed, and records refused."""
        return self._writer.errors

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked to write."""
        return self._writer.up

    def on_back(self, call: Callable[[], object]) -> None:
        """Have `call` called at the end of every outage: the server may have lost what it had."""
        self._writer.on_back = call

    async def usage(self) -> Usage:
        """What the server uses now.

        Raises:
            RetryError: Redis does not answer.
        """
        try:
            return await read_usage(self._client)
        except FAILURES as error:
            raise explain(error, self.address) from error

    async def start(self) -> None:
        """Connect, load functions and schema, begin to flush.

        Redis away is only a warning: it is tried until it answers.

        Raises:
            ConfigError: the store has no names or schema to write, the server is too old or no single Redis, has not
                the memory of the budget, or refuses the login. The same found later, after Redis was away at the start,
                is logged as an error.
        """
        if not self.names or not self.schema:
            raise ConfigError("a feature store that writes needs names and schema: pass those of the feature set")
        if self._stopped or self._task is not None:
            raise RuntimeError(f"{self!r} was started before: make a new one")
        await self._writer.connect()
        self._task = asyncio.create_task(self._writer.run(), name="feature-store")
        self._task.add_done_callback(_report_end)

    def put_many(self, writes: Iterable[FeatureWrite], on_stored: Callable[[], None] | None = None) -> None:
        """Take the records of one micro-batch; see FeatureStore.put_many. May be called before `start`.

        Raises:
            ValueError: a record has another number of values than the store has names.
            RuntimeError: the store is stopped.
        """
        if self._stopped:
            raise RuntimeError(f"{self!r} is stopped and takes no records")
        self._writer.pending.put_many(writes, on_stored)
        self._writer.wake()

    async def flush(self, timeout_s: float = 10.0) -> None:
        """Return when all that was put so far is stored.

        Raises:
            RetryError: it is not within `timeout_s` seconds; the records are kept and tried further.
        """
        if self._task is None:
            raise RuntimeError(f"{self!r} is not running: await start() first")
        done = asyncio.get_running_loop().create_future()
        self._writer.pending.wait(lambda: None if done.done() else done.set_result(None))
        self._writer.wake()
        try:
            await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            raise RetryError(
                f"{self.pending} feature records are not stored at {self.address} after {timeout_s:g} s: "
                f"{self._writer.outage or 'it is slow'}"
            ) from None

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Flush for at most `timeout_s` seconds, then close every connection. A second call does nothing."""
        self._stopped = True
        if self._task is not None:
            try:
                await self.flush(timeout_s)
            except RetryError as error:
                if self.pending:
                    logger.warning("the feature store stops too early: %s", error)
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._writer.close()
        await self.filler.close()
        await self._pool.disconnect()


async def _always() -> None:
    """Who has no guard is trusted."""


def _report_end(task: asyncio.Task[None]) -> None:
    """A flush task that ends by itself is a fault of ours: it must not end in silence."""
    if not task.cancelled():
        logger.critical("the feature store's flush task ended; nothing is stored any more", exc_info=task.exception())
