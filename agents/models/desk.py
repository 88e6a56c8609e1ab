"""Where promotions are made: the model is checked as a worker would, first offsets are promised, a record written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from aiokafka.errors import KafkaError

from agents.models.history import History
from agents.models.journal import Entry, Journal
from agents.models.manager import worker_name
from agents.models.promise import first_offsets
from agents.models.records import TEXT_CHARS, Promotion, Role
from streams.errors import ConfigError, RetryError, TopicError
from streams.feature_set import FeatureSet
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, MODELS
from streams.settings import Settings
from tables.models.registry import ModelRegistry


class PromotionDesk:
    """Knows the log as it stands, and appends to it."""

    def __init__(
        self,
        registry: ModelRegistry,
        journal: Journal,
        feature_set: FeatureSet,
        promise: Callable[[float], Awaitable[dict[int, int]]],
    ) -> None:
        """`promise`: first offsets so many seconds ahead."""
        self.history = History()
        self.entries: list[Entry] = []
        self.held: set[str] = set()
        """Ids of the promotions that hold, or held."""
        self._registry = registry
        self._journal = journal
        self._feature_set = feature_set
        self._promise = promise

    async def read(self) -> None:
        """Read what is in the log."""
        self.entries = await self._journal.read_all()
        for entry in self.entries:
            if isinstance(entry.record, Promotion) and self.history.add(entry.record) is not None:
                self.held.add(entry.record.id)

    async def promote(self, model: str, role: Role, share: float, lead_s: float, reason: str) -> Promotion:
        """Give a role to a version, or to the newest of a name.

        Raises:
            ConfigError: it is not in the registry, is damaged, or does not fit the feature set; it has another role
                already, in which it would be of no use.
            RetryError: the registry or Kafka is away.
        """
        model = await asyncio.to_thread(self._loadable, model)
        if role != "champion" and model == self.history.now("champion"):
            raise ConfigError(f"models promote {model}: it is the champion, which is asked about every record already")
        if role == "canary" and share == 0:
            raise ConfigError(
                "models promote: --canary 0: give a share above 0, or end it with `models retire --canary 0`"
            )
        return await self._write(role, model, lead_s, reason, share=share)

    async def roll_back(self, role: Role, lead_s: float, reason: str) -> Promotion:
        """Give a role back to who had it before.

        Raises:
            ConfigError: nobody was promoted to it, or who had it before cannot be loaded any more.
        """
        step = self.history.newest.get(role)
        if step is None or (step.promotion.model is None and step.previous is None):
            raise ConfigError(f"models rollback: there is no {role} to take back; see `faust -A app models log`")
        if step.previous is not None:
            await asyncio.to_thread(self._loadable, step.previous)
        share = 0.0
        if role == "canary" and step.previous is not None:
            share = next(s.promotion.share for s in reversed(self.history.steps) if s.promotion.model == step.previous)
        return await self._write(role, step.previous, lead_s, reason, share=share, answers=step.promotion.id)

    async def retire(self, role: Role, lead_s: float, reason: str) -> Promotion:
        """Let nobody have a role: without a champion the rules serve.

        Raises:
            ConfigError: nobody has it.
        """
        if self.history.now(role) is None:
            raise ConfigError(f"models retire: nobody is the {role}; see `faust -A app models log`")
        return await self._write(role, None, lead_s, reason)

    async def _write(
        self,
        role: Role,
        model: str | None,
        lead_s: float,
        reason: str,
        *,
        share: float = 0.0,
        answers: str | None = None,
    ) -> Promotion:
        promotion = Promotion(
            id=uuid4().hex,
            role=role,
            model=model,
            share=share,
            first=await self._promise(lead_s),
            reason=reason[:TEXT_CHARS],
            by=worker_name(),
            answers=answers,
        )
        await self._journal.write(promotion)
        return promotion

    def _loadable(self, model: str) -> str:
        """Load it as a worker would, in a thread."""
        from agents.decision.version import ModelVersion  # noqa: PLC0415 - its runtime takes a while to import

        model = self._registry.resolve(model)
        manifest, files = self._registry.load(model)
        ModelVersion.load(manifest, files, outputs=self._feature_set.outputs, schema=self._feature_set.version)
        return model


@asynccontextmanager
async def opened_desk(settings: Settings, registry: ModelRegistry) -> AsyncIterator[PromotionDesk]:
    """A desk that has read the log.

    Raises:
        TopicError: the topic is missing. RetryError: Kafka refuses or is away.
    """
    access, features, models = KafkaAccess.of(settings), settings.topic(FEATURES), settings.topic(MODELS)
    feature_set = FeatureSet.load(settings.feature_set)
    async with connected_admin(access) as admin:
        if missing := {features, models} - set(await admin.list_topics()):
            raise TopicError(f"missing on {access}: {', '.join(sorted(missing))}; create with: faust -A app topics")
    log = LogReader(access, [features, models])

    async def promise(lead_s: float) -> dict[int, int]:
        return await first_offsets(log, features, settings.partitions, lead_s)

    journal = Journal(access, models, log)
    try:
        await journal.start()
        desk = PromotionDesk(registry, journal, feature_set, promise)
        await desk.read()
        yield desk
    except KafkaError as error:
        raise RetryError(f"Kafka refuses or is away ({error!r}); run this again") from error
    finally:
        await journal.close()
