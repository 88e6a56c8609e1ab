"""A Redis database for one demonstration."""

from typing import Final

from redis import Redis
from redis.exceptions import ResponseError
from yarl import URL

from streams.errors import ConfigError, RetryError
from streams.settings import Settings
from tables.redis_connection import FAILURES

MARK: Final = "hayate:demo"
HIGHEST: Final = 15
TIMEOUT_S: Final = 5.0


class DemoDatabase:
    """An empty logical database of the user's own Redis: the demonstration's features must not mix with real ones.

    `claim` takes the highest empty one, from 15 down to 1, by writing a mark into it; `release` empties it again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._claimed: str | None = None
        self._number = 0

    def claim(self) -> str:
        """Take a database; returns its URL.

        Raises:
            ConfigError: none is empty.
            RetryError: Redis does not answer.
        """
        url = URL(self._settings.redis_url)
        for number in range(HIGHEST, 0, -1):
            candidate = str(url.with_path(f"/{number}"))
            if self._take(candidate):
                self._claimed, self._number = candidate, number
                return candidate
        raise ConfigError(
            f"HAYATE_REDIS_URL: none of the databases 1 to {HIGHEST} of that Redis is empty, and the demonstration "
            "mixes its features with nobody's: empty one, or unset the variable to have a Redis started here"
        )

    def release(self) -> None:
        """Remove everything the demonstration wrote; without a claim nothing.

        Raises:
            RetryError: Redis does not answer.
        """
        if self._claimed is None:
            return
        try:
            with self._client(self._claimed) as client:
                client.flushdb()
        except FAILURES as error:
            raise RetryError(
                f"database {self._number} of the Redis of HAYATE_REDIS_URL was not emptied ({error}): FLUSHDB there"
            ) from error

    def _take(self, url: str) -> bool:
        try:
            with self._client(url) as client:
                # The mark first: of two demonstrations only one finds it set by itself.
                if not client.set(MARK, "1", nx=True):
                    return False
                if client.dbsize() == 1:
                    return True
                client.delete(MARK)
                return False
        except ResponseError:
            return False  # fewer databases than usual
        except FAILURES as error:
            raise RetryError(
                f"the Redis of HAYATE_REDIS_URL does not answer ({error}): start it, or unset it"
            ) from error

    def _client(self, url: str) -> Redis:
        password = self._settings.redis_password()
        options = {} if password is None else {"password": password.get_secret_value()}
        return Redis.from_url(url, socket_timeout=TIMEOUT_S, **options)
