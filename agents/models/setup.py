"""The ModelManager that the settings name, with everything it holds."""

from aiokafka.structs import TopicPartition

from agents.models.journal import Journal
from agents.models.loader import Loader
from agents.models.manager import ModelManager
from agents.models.metrics import ModelMetrics
from agents.models.promise import first_offsets
from streams.feature_set import FeatureSet
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.groups import Group
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, MODELS
from streams.settings import Settings
from tables.models.setup import registry_for


def manager_for(settings: Settings, feature_set: FeatureSet, metrics: ModelMetrics) -> ModelManager:
    """A ModelManager; nothing is connected yet.

    Args:
        settings: name Kafka, the topics and the registry.
        feature_set: the one that the worker runs.
        metrics: what it counts.

    Raises:
        ConfigError: the registry is no folder or bucket.
    """
    access, features, models = KafkaAccess.of(settings), settings.topic(FEATURES), settings.topic(MODELS)
    log = LogReader(access, [features, models])

    async def positions() -> dict[int, int]:
        async with connected_admin(access) as admin:
            commits = await Group(admin, settings.group).commits()
        found = {}
        for partition in range(settings.partitions):
            tp = TopicPartition(features, partition)
            begin, _ = await log.bounds(tp)
            found[partition] = max(begin, commits[tp].offset if tp in commits else 0)
        return found

    async def promise(lead_s: float) -> dict[int, int]:
        return await first_offsets(log, features, settings.partitions, lead_s)

    loader = Loader(
        registry_for(settings, cached=True),
        outputs=feature_set.outputs,
        schema=feature_set.version,
        on_error=metrics.load_errors.inc,
    )
    return ModelManager(
        Journal(access, models, log),
        loader,
        metrics,
        partitions=settings.partitions,
        positions=positions,
        promise=promise,
        rollback_after=settings.model_rollback_after,
    )
