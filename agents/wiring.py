"""The one place that wires everything: settings in, Faust app out."""

from typing import Any

import faust
from faust.types import TP, StreamT
from prometheus_client import CollectorRegistry
from yarl import URL

from agents.alerting.kinds import limits_of
from agents.alerts_commands import add_alerts_command
from agents.api_commands import add_api_command, add_api_service
from agents.application import HayateApp, HayateWorker
from agents.audit.commands import add_audit_command
from agents.commands import add_commands
from agents.decision.ensemble import EnsembleSystem, rules_for
from agents.export_commands import add_export_command
from agents.feed_commands import add_feed_command
from agents.judging.judge import Judge
from agents.metrics import Metrics
from agents.model_commands import add_model_command
from agents.models.setup import manager_for
from agents.pipeline import AsyncPredictionPipeline
from agents.rejected_commands import add_rejected_commands
from agents.replay_commands import add_replay_commands
from agents.state_commands import add_state_command
from agents.store_commands import add_store_command
from agents.training_commands import add_training_command
from agents.web import add_pages
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.kafka.access import KafkaAccess
from streams.kafka.batching import BatchScheduler, BatchSchema, Poll
from streams.kafka.topics import ENSEMBLE_TABLE, FEATURES, STATE_TABLE, TICKS
from streams.quality.file import load_filters
from streams.settings import Settings
from tables.features.setup import store_for
from tables.indicator_state import ROCKSDB_OPTIONS, IndicatorStateTable
from tables.recovery import tables_for
from tables.signals.setup import signals_for

MAX_BATCH_BYTES = 512 * 1024
"""One request per partition is on its way at a time, so throughput is batch size over round trip."""
MAX_REQUEST_BYTES = 8 * 1024 * 1024
HEARTBEAT_S = 0.5
NS_PER_MS = 1_000_000


def build(settings: Settings) -> HayateApp:
    """A fresh application. Nothing is connected and no file is touched before Faust starts it.

    Raises:
        ConfigError: the feature set, or a combination of settings, cannot work.
    """
    if settings.stay_in_group and not settings.instance_id:
        raise ConfigError(
            "HAYATE_STAY_IN_GROUP=true: only a member with a name can come back; set HAYATE_INSTANCE_ID=auto as well"
        )
    app = _faust_app(settings)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    feature_set = FeatureSet.load(settings.feature_set)
    engine = RealTimeFeatureEngine(
        feature_set,
        lateness_ns=settings.lateness_ms * NS_PER_MS,
        fold_late=settings.late == "fold",
        filters=load_filters(settings.filters),
    )
    system = EnsembleSystem(feature_set.outputs, members=rules_for(feature_set.outputs), horizon_ms=settings.horizon_ms)

    async def trusted() -> None:
        await app.pipeline.heartbeat.confirmed()

    store = store_for(settings, feature_set, trusted=trusted)
    metrics.observe_store(store)
    models = manager_for(settings, feature_set, metrics.models)
    judge = Judge(
        models,
        feature_set.outputs,
        limits_of(settings),
        rules=system.model,
        symbols=settings.quality_symbols,
        half_life_s=settings.quality_half_life_s,
    )
    metrics.quality.watch(judge)
    app.pipeline = AsyncPredictionPipeline(
        settings,
        engine,
        system,
        _table(app, settings, STATE_TABLE),
        store,
        signals_for(settings, feature_set, trusted=trusted),
        metrics,
        models,
        judge,
        memory_table=_table(app, settings, ENSEMBLE_TABLE) if settings.remembers_signals else None,
        broker=lambda: app.consumer,  # type: ignore[arg-type, return-value]  # ours, by the app's transport
        urgent=lambda: app.producer.urgent,  # type: ignore[attr-defined]  # ours, by the app's transport
        later=lambda: app.producer.later,  # type: ignore[attr-defined]  # ours, by the app's transport
        confirm=app.confirmed,
        topic_ids=lambda: app.place.topic_ids,
        on_fatal=app.give_up,
    )
    _add_agents(app, settings)
    app.on_partitions_revoked.connect(_on_revoked)  # type: ignore[arg-type]  # faust's own example has this signature
    add_pages(app, metrics)
    add_commands(app, settings)
    add_replay_commands(app, settings)
    add_state_command(app, settings)
    add_store_command(app, settings)
    add_rejected_commands(app, settings)
    add_alerts_command(app, settings)
    add_feed_command(app, settings)
    add_export_command(app, settings)
    add_audit_command(app, settings)
    add_training_command(app, settings)
    add_model_command(app, settings)
    add_api_command(app, settings)
    add_api_service(app, settings, registry)
    return app


def _faust_app(settings: Settings) -> HayateApp:
    access, session_s = KafkaAccess.of(settings), settings.session_timeout_s
    batched = frozenset({settings.topic(TICKS), settings.topic(FEATURES)})
    return HayateApp(
        settings,
        batched=batched,
        broker=[URL(f"kafka://{server}") for server in access.servers],
        broker_credentials=access.credentials,
        store="rocksdb://",
        datadir=settings.data_dir,
        autodiscover=False,
        topic_partitions=settings.partitions,
        # `faust -A app topics` creates the topics; nothing else does.
        topic_allow_declare=False,
        topic_disable_leader=True,
        ConsumerScheduler=BatchScheduler,
        TableManager=tables_for(settings),
        Worker=HayateWorker,
        cython_optimizations=True,
        # An event is a batch; lanes take their last checkpoint at revocation, Faust would wait for held events.
        stream_wait_empty=False,
        stream_buffer_maxsize=256,
        stream_recovery_delay=0,
        table_standby_replicas=settings.standbys,
        broker_session_timeout=session_s,
        # A member hears of a rebalance by its next heartbeat: most of the silence when a worker joins or leaves.
        broker_heartbeat_interval=min(session_s / 10, HEARTBEAT_S),
        broker_request_timeout=max(40.0, session_s),
        broker_max_poll_interval=300.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_max_batch_size=MAX_BATCH_BYTES,
        producer_max_request_size=MAX_REQUEST_BYTES,
        producer_compression_type=None if settings.compression == "none" else settings.compression,
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port,
        # Faust's own pages would serve table data to anybody.
        web_tables_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_router_enabled=False,
    )


def _table(app: HayateApp, settings: Settings, name: str) -> IndicatorStateTable:
    table = IndicatorStateTable(
        app,
        name=f"{settings.topic_prefix}{name}",
        beacon=app.tables.beacon,
        partitions=settings.partitions,
        key_type=bytes,
        value_type=bytes,
        options=dict(ROCKSDB_OPTIONS),
    )
    app.tables.add(table)
    return table


def _add_agents(app: HayateApp, settings: Settings) -> None:
    def topic(name: str) -> Any:
        # No acks: the lanes commit, each partition in the order that makes replay exact.
        return app.topic(settings.topic(name), schema=BatchSchema(), acks=False)

    @app.agent(topic(TICKS), name="features", concurrency=1)
    async def features(stream: StreamT[Poll]) -> None:
        async for poll in stream:
            await app.pipeline.offer_ticks(poll)

    @app.agent(topic(FEATURES), name="ensemble", concurrency=1)
    async def ensemble(stream: StreamT[Poll]) -> None:
        async for poll in stream:
            await app.pipeline.offer_features(poll)


async def _on_revoked(app: faust.App, revoked: set[TP], **_: Any) -> None:
    assert isinstance(app, HayateApp)
    await app.revoked(revoked)
