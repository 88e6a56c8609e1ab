"""What `build` makes of settings: a Faust app with the guards in it, and nothing touched yet."""

from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from agents.application import HayateApp
from agents.web import lags
from agents.wiring import build
from streams.errors import ConfigError, StateError
from streams.kafka.batching import BatchScheduler
from streams.kafka.topics import changelog_name
from streams.settings import Settings
from tables.indicator_state import IndicatorStateTable


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name no server that runs."""
    return Settings(
        kafka_url="kafka://127.0.0.1:1;127.0.0.1:2",
        redis_url="redis://127.0.0.1:1/0",
        data_dir=tmp_path / "data",
        topic_prefix="x-",
        app_id="who",
        partitions=3,
        session_timeout_s=6.0,
        compression="lz4",
        web_port=6_123,
    )


@pytest.fixture
def app(settings: Settings) -> HayateApp:
    """An app that is not started."""
    return build(settings)


def test_nothing_is_touched(app: HayateApp, settings: Settings) -> None:
    """No file, no connection, and a second app beside the first."""
    assert not settings.data_dir.exists()
    assert build(settings) is not app
    assert list(app.pipeline.features) == list(app.pipeline.ensemble) == []


def test_settings_arrive(app: HayateApp, settings: Settings) -> None:
    """Where a setting has a counterpart in Faust, it has the value given."""
    conf = app.conf
    assert conf.id == "who"
    assert [url.port for url in conf.broker] == [1, 2]
    assert conf.datadir == settings.data_dir
    assert conf.topic_partitions == 3
    assert conf.broker_session_timeout == 6.0
    assert conf.broker_heartbeat_interval == 0.5, "by which a member hears of a rebalance"
    assert build(settings.model_copy(update={"session_timeout_s": 2.0})).conf.broker_heartbeat_interval == 0.2
    assert build(settings.model_copy(update={"standbys": 2})).conf.table_standby_replicas == 2
    assert conf.broker_request_timeout > conf.broker_session_timeout
    assert conf.producer_compression_type == "lz4"
    assert conf.web_port == 6_123
    assert build(settings.model_copy(update={"compression": "none"})).conf.producer_compression_type is None


def test_the_guards_are_in_place(app: HayateApp) -> None:
    """Each of these settings guards against a hole that its neighbour in wiring.py names."""
    conf: Any = app.conf
    assert conf.ConsumerScheduler is BatchScheduler
    assert conf.stream_wait_empty is False
    assert conf.topic_allow_declare is False
    assert conf.producer_acks == -1
    assert conf.consumer_auto_offset_reset == "earliest"
    assert str(conf.processing_guarantee.value) == "at_least_once"
    transport: Any = app._new_transport()
    assert transport.Consumer.batched_topics == {"x-ticks", "x-features"}
    pages = (conf.web_tables_enabled, conf.web_stats_enabled, conf.web_graph_enabled, conf.web_router_enabled)
    assert not any(pages)


def test_agents_and_their_topics(app: HayateApp) -> None:
    """One instance each, on the topic of its name; lanes commit, so Faust acknowledges nothing."""
    agents = {agent.name: agent for agent in app.agents.values()}
    assert agents.keys() == {"features", "ensemble"}
    for name, topic in (("features", "x-ticks"), ("ensemble", "x-features")):
        channel: Any = agents[name].channel
        assert channel.get_topic_name() == topic
        assert channel.acks is False
        assert agents[name].concurrency == 1


def test_the_table_and_its_changelog(app: HayateApp, settings: Settings) -> None:
    """The changelog that Faust recovers from is the one that `topics` creates."""
    table = app.tables["x-indicator-state"]
    assert isinstance(table, IndicatorStateTable)
    assert table.changelog_topic.get_topic_name() == changelog_name(settings)


def test_a_bad_feature_set_is_a_config_error(settings: Settings) -> None:
    """Before anything starts."""
    with pytest.raises(ConfigError, match="nowhere"):
        build(settings.model_copy(update={"feature_set": "nowhere"}))


def test_only_a_member_with_a_name_can_stay(settings: Settings) -> None:
    """It could not come back as who it was."""
    with pytest.raises(ConfigError, match=r"HAYATE_STAY_IN_GROUP=true: .* set HAYATE_INSTANCE_ID=auto as well"):
        build(settings.model_copy(update={"stay_in_group": True, "instance_id": ""}))
    build(settings.model_copy(update={"stay_in_group": True}))


def test_the_consumer_is_in_its_group_as_the_app_says(app: HayateApp) -> None:
    transport: Any = app._new_transport()
    assert transport.Consumer.membership is app.membership


class FakeLane:
    """What the lag is computed from."""

    def __init__(self, tp: TP, processed: int | None) -> None:
        self.tp, self.processed = tp, processed


def test_lags() -> None:
    """From the end of the log to what was processed; never below zero, and nothing where one of both is unknown."""
    ends = {TP("t", 0): 10, TP("t", 1): 5, TP("f", 0): 7}

    class App:
        class consumer:  # noqa: N801
            highwater = ends.get

        class pipeline:  # noqa: N801
            features = (
                FakeLane(TP("t", 0), 4),
                FakeLane(TP("t", 1), None),
                FakeLane(TP("t", 2), 3),
            )
            ensemble = (FakeLane(TP("f", 0), 9),)

    app: Any = App
    assert lags(app) == [("t", 0, 6), ("f", 0, 0)]


async def test_the_first_fatal_error_ends_the_worker(app: HayateApp, caplog: pytest.LogCaptureFixture) -> None:
    """Named without a traceback where a person has to act; a second one changes nothing."""
    crashed: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashed.append(error)

    app.crash = crash  # type: ignore[method-assign, assignment]  # the real one stops an app that never started
    first = StateError("state of A: run the feature set that wrote it")
    app.give_up(first)
    app.give_up(ValueError("later"))
    await app._crashing
    assert crashed == [first]
    assert app.fatal is first
    assert "StateError: state of A" in caplog.text
    assert "Traceback" not in caplog.text


async def test_an_unexpected_error_is_shown_whole(app: HayateApp, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, for it is ours to mend."""

    async def crash(_: BaseException) -> None:
        pass

    app.crash = crash  # type: ignore[method-assign, assignment]  # the real one stops an app that never started
    try:
        raise ZeroDivisionError("in a fold")
    except ZeroDivisionError as error:
        app.give_up(error)
    await app._crashing
    assert "ZeroDivisionError: in a fold" in caplog.text
    assert "Traceback" in caplog.text
