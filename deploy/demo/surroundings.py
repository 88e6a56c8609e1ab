"""What the worker of the demonstration runs on: Kafka, Redis, topics. All of it is gone afterwards."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError, for_code

from deploy.demo.redis_database import DemoDatabase
from deploy.local import LocalStack
from deploy.local.progress import Progress
from streams.errors import HayateError
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.topics import ensure, specs
from streams.settings import Settings

KAFKA: Final = "HAYATE_KAFKA_URL"
REDIS: Final = "HAYATE_REDIS_URL"


class Surroundings:
    """Servers of the demonstration's own, in `folder`, unless the environment names some.

    Own servers begin empty and are removed with their data. In a Kafka of the user's the topics carry a prefix of this
    run and are deleted at the end; in a Redis of the user's an empty database is used (DemoDatabase). All calls but
    the coroutines block.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], progress: Progress) -> None:
        self._env = env
        self._progress = progress
        # 100 above the usual ports, which stay free for the user's own servers.
        self._stack = LocalStack(folder / "services", env, kafka_port=9192, redis_port=6479)
        self._folder = folder
        self._database: DemoDatabase | None = None
        self._topics: list[str] = []

    def start(self) -> Settings:
        """Have the servers answer; returns the settings of this run. First stops what a killed run left behind.

        Raises:
            HayateError: a server does not start, or a setting is wrong.
        """
        self._stack.down(purge=True)
        endpoints = self._stack.up(self._progress)
        run = f"demo-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
        settings = self._settings(run, kafka_url=endpoints.kafka_url, redis_url=endpoints.redis_url)
        if REDIS in self._env:
            self._database = DemoDatabase(settings)
            settings = self._settings(run, kafka_url=endpoints.kafka_url, redis_url=self._database.claim())
            self._progress.say(f"redis: database {settings.redis_url.rsplit('/', 1)[-1]}, which was empty")
        return settings

    async def make_topics(self, settings: Settings) -> None:
        """Create the topics.

        Raises:
            HayateError: Kafka refuses.
        """
        wanted = specs(settings)
        self._topics = [spec.name for spec in wanted]
        async with connected_admin(KafkaAccess.of(settings)) as admin:
            await ensure(admin, wanted)

    async def remove_topics(self, settings: Settings) -> None:
        """Delete the topics of this run from a Kafka of the user's; those in an own one go with it.

        Raises:
            HayateError: they could not be deleted.
        """
        if KAFKA not in self._env or not self._topics:
            return
        try:
            async with connected_admin(KafkaAccess.of(settings)) as admin:
                answer = await admin.delete_topics(self._topics)
            refused = [for_code(code).__name__ for _, code, *_ in answer.topic_error_codes if code != 0]
        except (KafkaError, HayateError) as error:
            refused = [str(error)]
        if refused:
            raise HayateError(f"the topics {settings.topic_prefix}* were not all deleted ({refused[0]}): delete them")

    def stop(self, *, purge: bool) -> None:
        """Stop own servers (`purge` also removes their data and logs), empty the database taken in a user's Redis.

        Raises:
            HayateError: a server cannot be ended, or the database not be emptied.
        """
        try:
            if self._database is not None:
                self._database.release()
        finally:
            self._stack.down(purge=purge)

    def _settings(self, run: str, **urls: str) -> Settings:
        own: dict[str, Any] = {
            "app_id": run,
            "topic_prefix": f"{run}.",
            "data_dir": self._folder / "worker",
            "model_registry": str(self._folder / "models"),
            "web_host": "127.0.0.1",
            "web_port": free_port(),
        }
        return Settings.from_env(**own, **urls)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
