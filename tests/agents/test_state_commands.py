"""`state show`, `reset` and `migrate` on a real Kafka, with rows and commits as a worker leaves them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from redis import Redis

from agents.state_commands import Progress, run_migration, run_reset, show
from deploy.local import Endpoints
from streams.errors import ConfigError, RetryError, StateError
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka import topics
from streams.kafka.admin import topic_ids
from streams.kafka.checkpoint import Checkpoint, decode_checkpoint
from streams.kafka.groups import Group
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import changelog_name, identities
from streams.settings import Settings
from tables import state_migrate, state_reset
from tables.features.clear import clear_features
from tables.indicator_state import Row, decode_row, encode_row
from tables.state_log import read_partition
from tables.state_survey import MIGRATING, RESETTING
from tests.e2e.world import World as CommandLine

PARTITIONS = 2
TICKS = 20
SYMBOLS = ("A", "BC", "X/Y-Z")
OLD = ("sma_5", "rsi_14")
NEW = ("ema_12", "sma_5")


def toml(folder: Path, name: str, indicators: tuple[str, ...]) -> str:
    """A feature-set file."""
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\nindicators = {list(indicators)}\n'.replace("'", '"'))
    return str(path)


class World:
    """One Hayate without workers: what they leave is written by hand."""

    def __init__(
        self, settings: Settings, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer, servers: str
    ) -> None:
        self.settings, self.admin, self.producer, self.servers = settings, admin, producer, servers
        self.group = Group(admin, settings.app_id)
        self.ticks, self.features = settings.topic("ticks"), settings.topic("features")
        self.changelog = changelog_name(settings)

    async def write(self, topic: str, count: int = TICKS) -> None:
        """Records in every partition."""
        for partition in range(PARTITIONS):
            for i in range(count):
                await self.producer.send(topic, b"%d" % i, partition=partition)
        await self.producer.flush()

    async def row(self, symbol: str, offset: int, feature_set: FeatureSet, state: Any = None, **place: int) -> None:
        """A row in the changelog, whose slots count from 1."""
        numbers = np.arange(1.0, feature_set.width + 1) if state is None else state
        value = encode_row(Row(feature_set.layout_hash, offset, 7_000 + offset, numbers))
        partition = place.get("partition", partition_of(symbol.encode(), PARTITIONS))
        await self.producer.send_and_wait(self.changelog, value, key=symbol.encode(), partition=partition)

    async def commit(self, offset: int = TICKS - 5, **fields: Any) -> None:
        """A checkpoint of every partition of both inputs."""
        ids = identities(
            self.settings, await topic_ids(self.admin, [spec.name for spec in topics.specs(self.settings)])
        )
        made = {}
        for topic in (self.ticks, self.features):
            checkpoint = Checkpoint(
                **{
                    "ends": {self.features: 3},
                    "seen": 4,
                    "topic": ids.get(topic, ""),
                    "partitions": PARTITIONS,
                    **fields,
                }
            )
            for partition in range(PARTITIONS):
                made[TopicPartition(topic, partition)] = OffsetAndMetadata(offset, checkpoint.encode())
        await self.group.commit(made)

    async def checkpoints(self) -> dict[TopicPartition, tuple[int, Checkpoint | None]]:
        """Commits as a lane reads them."""
        return {
            tp: (found.offset, decode_checkpoint(found.metadata, str(tp)))
            for tp, found in (await self.group.commits()).items()
        }

    async def rows(self, feature_set: FeatureSet) -> dict[str, Row]:
        """What recovery would end with."""
        log = LogReader(self.servers)
        await log.start()
        found = {}
        for partition in range(PARTITIONS):
            read = await read_partition(
                log, self.changelog, partition, wanted=lambda _: True, on_progress=lambda _: None
            )
            for key, value in read.values.items():
                symbol = key.decode()
                found[symbol] = decode_row(
                    value, symbol=symbol, layout=feature_set.layout_hash, width=feature_set.width
                )
        await log.stop()
        return found

    async def end(self, topic: str) -> int:
        """Records behind the start of partition 0."""
        log = LogReader(self.servers)
        await log.start()
        _, end = await log.bounds(TopicPartition(topic, 0))
        await log.stop()
        return end


@pytest.fixture
def settings(services: Endpoints, topic_prefix: str, tmp_path: Path) -> Settings:
    return Settings(
        kafka_url=services.kafka_url,
        redis_url=services.redis_url,
        topic_prefix=topic_prefix,
        app_id=f"{topic_prefix}app",
        partitions=PARTITIONS,
        feature_set=toml(tmp_path, "old", OLD),
    )


@pytest.fixture
async def empty(services: Endpoints, settings: Settings) -> AsyncIterator[World]:
    """Topics and nothing in them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    producer = AIOKafkaProducer(bootstrap_servers=services.bootstrap_servers)
    await admin.start()
    await producer.start()
    await topics.ensure(admin, topics.specs(settings))
    yield World(settings, admin, producer, services.bootstrap_servers)
    await producer.stop()
    await admin.close()


@pytest.fixture
async def world(empty: World) -> World:
    """Ticks, features, rows and commits that fit together."""
    await empty.write(empty.ticks)
    await empty.write(empty.features)
    old = FeatureSet.of("old", *OLD)
    for offset, symbol in enumerate(SYMBOLS):
        await empty.row(symbol, offset, old)
    await empty.commit(layout=f"{old.layout_hash:016x}")
    return empty


class TestShow:
    """What is said."""

    async def test_nothing_yet(self, empty: World) -> None:
        said = await show(empty.settings, None)
        assert f"group {empty.settings.app_id}: no members" in said
        assert said.endswith("everything fits")

    async def test_what_fits(self, world: World) -> None:
        said = await show(world.settings, None)
        assert said.endswith("everything fits")
        lines = [line.split() for line in said.splitlines()]
        old = FeatureSet.of("old", *OLD)
        for partition in range(PARTITIONS):
            mine = [o for o, s in enumerate(SYMBOLS) if partition_of(s.encode(), PARTITIONS) == partition]
            rows = (
                [str(len(mine)), str(max(mine)), str(len(mine)), f"{old.layout_hash:016x}"] if mine else ["0", "-", "0"]
            )
            assert [str(partition), world.ticks, "15", "20", "5", *rows] in lines
            assert [str(partition), world.features, "15", "20", "5"] in lines

    async def test_the_row_of_a_symbol(self, world: World) -> None:
        old = FeatureSet.of("old", *OLD)
        said = await show(world.settings, "X/Y-Z")
        partition = partition_of(b"X/Y-Z", PARTITIONS)
        where = f"partition {partition}, source offset 2, ts_ns 7002, layout {old.layout_hash:016x}"
        assert said.splitlines()[0] == f"X/Y-Z: {where}"
        values = old.last_values(np.arange(1.0, old.width + 1))
        assert said.splitlines()[1:] == [f"  {name} {value!r}" for name, value in values.items()]
        with pytest.raises(StateError, match="NONE has no row"):
            await show(world.settings, "NONE")

    async def test_rows_that_recovery_does_not_take(self, world: World) -> None:
        """A zombie's older row behind a newer one, a removed one, and what is no symbol's."""
        old = FeatureSet.of("old", *OLD)
        await world.row("A", 9, old)
        await world.row("A", 8, old)
        await world.producer.send_and_wait(world.changelog, None, key=b"BC", partition=partition_of(b"BC", PARTITIONS))
        await world.producer.send_and_wait(world.changelog, b"?", key=b"clock:main", partition=0)
        assert "source offset 9" in await show(world.settings, "A")
        with pytest.raises(StateError, match="BC has no row"):
            await show(world.settings, "BC")
        assert (await show(world.settings, None)).endswith("everything fits")

    async def test_what_does_not_fit_and_what_resolves_it(self, world: World, tmp_path: Path) -> None:
        """Each in one line with its command under it, the same of several partitions once."""
        other = world.settings.model_copy(update={"feature_set": toml(tmp_path, "new", NEW)})
        said = await show(other, None)
        old = f"{FeatureSet.of('old', *OLD).layout_hash:016x}"
        assert f"- {world.changelog}: 3 rows of layout {old}, not " in said
        assert f"- {world.ticks}[0]: the last checkpoint is of layout {old} (and 1 more partitions)\n" in said
        assert said.count("    faust -A app state migrate OLD_FEATURE_SET.toml") == 2
        more = world.settings.model_copy(update={"partitions": 3})
        said = await show(more, None)
        assert f"- {world.ticks}: 2 partitions, not HAYATE_PARTITIONS=3\n    HAYATE_PARTITIONS=2" in said
        assert "the last checkpoint is of 2 partitions" in said
        await world.producer.send_and_wait(world.changelog, b"?", key=b"A", partition=0)
        assert f"- {world.changelog}[0]: no rows: A\n    faust -A app state reset --yes" in await show(
            world.settings, None
        )
        assert "written by another feature set" in await show(other, "BC")

    @pytest.mark.parametrize(
        ("fields", "said", "remedy"),
        [
            ({"offset": 99}, "ends at 20, and 99 is committed: the topic was made anew", "reset --yes --outputs"),
            ({"topic": "0"}, "the topic was made anew since the last checkpoint", "reset --yes --outputs"),
            ({"ends": "features"}, "ends at 20, and a checkpoint left it at 50", "reset --yes --outputs"),
            ({"layout": RESETTING}, "a reset was interrupted", "reset --yes, with the options it had"),
            ({"layout": MIGRATING}, "a migration was interrupted", "migrate OLD_FEATURE_SET.toml"),
        ],
    )
    async def test_commits_that_do_not_fit(self, world: World, fields: dict[str, Any], said: str, remedy: str) -> None:
        if "ends" in fields:
            fields = {"ends": {world.features: 50}}
        await world.commit(**fields)
        found = await show(world.settings, None)
        assert said in found
        assert f"    faust -A app state {remedy}\n" in f"{found}\n"

    async def test_a_commit_of_somebody_else(self, world: World) -> None:
        await world.group.commit({TopicPartition(world.ticks, 0): OffsetAndMetadata(1, "mine!")})
        assert "no checkpoint of Hayate" in await show(world.settings, None)

    async def test_rows_of_ticks_that_are_not_there(self, world: World) -> None:
        await world.row("A", TICKS, FeatureSet.of("old", *OLD))
        await world.row("BC", 1, FeatureSet.of("old", *OLD), partition=1 - partition_of(b"BC", PARTITIONS))
        said = await show(world.settings, None)
        assert "rows of ticks beyond the log's end: A: ticks was made anew" in said
        assert "rows of symbols of other partitions, from another HAYATE_PARTITIONS: BC" in said
        assert "its key belongs to partition" in await show(world.settings, "BC")

    async def test_a_changelog_that_is_gone_or_new(self, world: World) -> None:
        await world.admin.delete_topics([world.changelog])
        while world.changelog in await world.admin.list_topics():
            pass
        assert f"- {world.changelog}: missing, and the rows with it\n    faust -A app state reset --yes" in await show(
            world.settings, None
        )
        await topics.ensure(world.admin, topics.specs(world.settings))
        said = await show(world.settings, None)
        assert "the changelog was made anew since the last checkpoint: the rows are gone" in said
        await world.admin.delete_topics([world.settings.topic("signals")])
        while world.settings.topic("signals") in await world.admin.list_topics():
            pass
        assert "signals: missing\n    faust -A app topics" in await show(world.settings, None)


class TestReset:
    """What is done, and what is refused."""

    async def test_it_says_what_it_would_do_and_does_nothing(self, world: World) -> None:
        before = await world.checkpoints(), await world.rows(FeatureSet.of("old", *OLD))
        said = await run_reset(world.settings, start="earliest", outputs=False, yes=False)
        assert said.startswith("would:\n  delete 3 rows")
        assert said.endswith("do it with --yes")
        after = await world.checkpoints(), await world.rows(FeatureSet.of("old", *OLD))
        assert str(after) == str(before)

    @pytest.mark.parametrize("start", ["earliest", "latest", "committed"])
    async def test_the_rows_go_and_the_commits_are_as_asked(self, world: World, start: state_reset.Start) -> None:
        before = (await topic_ids(world.admin, [world.changelog]))[world.changelog]
        await run_reset(world.settings, start=start, outputs=False, yes=True)
        assert await world.rows(FeatureSet.of("old", *OLD)) == {}
        assert (await topic_ids(world.admin, [world.changelog]))[world.changelog] != before, "local rows are void"
        assert await world.end(world.features) == TICKS
        kept = Checkpoint(ends={world.features: 3}, seen=4)
        expected = {"earliest": None, "latest": (TICKS, None), "committed": (TICKS - 5, kept)}[start]
        tps = [TopicPartition(topic, p) for topic in (world.ticks, world.features) for p in range(PARTITIONS)]
        assert await world.checkpoints() == ({} if expected is None else dict.fromkeys(tps, expected))
        assert (await show(world.settings, None)).endswith("everything fits")

    async def test_with_the_outputs(self, world: World, redis_url: str) -> None:
        """What was made of ticks that are gone goes too, from Redis as well, which would keep it."""
        with Redis.from_url(redis_url) as client:
            client.mset({"feature:A:sma_5:20260101000000": "1", "features:x": "1", "another": "1"})
            await world.commit(offset=99)
            with pytest.raises(StateError, match=r"of ticks that are gone, and ids would come twice; .*--outputs"):
                await run_reset(world.settings, start="earliest", outputs=False, yes=True)
            assert "made anew" in await run_reset(world.settings, start="earliest", outputs=True, yes=False)
            await run_reset(world.settings, start="earliest", outputs=True, yes=True)
            assert client.keys() == [b"another"]
        assert await world.end(world.features) == 0
        assert await world.end(world.ticks) == TICKS
        assert await world.checkpoints() == {}
        assert (await show(world.settings, None)).endswith("everything fits")

    async def test_from_committed_with_new_outputs(self, world: World) -> None:
        """Ticks go on where they were; features begin anew, and so do their commits."""
        await run_reset(world.settings, start="committed", outputs=True, yes=True)
        assert await world.checkpoints() == {
            TopicPartition(world.ticks, partition): (TICKS - 5, None) for partition in range(PARTITIONS)
        }

    async def test_nothing_committed_stays_so(self, empty: World) -> None:
        await run_reset(empty.settings, start="committed", outputs=False, yes=True)
        assert await empty.checkpoints() == {}

    async def test_an_end_of_an_output_that_is_not_there_is_not_kept(self, world: World) -> None:
        await world.commit(ends={world.features: 50})
        await run_reset(world.settings, start="committed", outputs=False, yes=True)
        assert {c.ends.get(world.features) for _, c in (await world.checkpoints()).values() if c} == {None}

    async def test_an_interrupted_one_is_seen_and_finished(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ended with the changelog deleted: no worker takes what is left for a state, nor does `topics` make it one."""

        async def ended(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(topics, "ensure", ended)
            with pytest.raises(KeyboardInterrupt):
                await run_reset(world.settings, start="committed", outputs=False, yes=True)
        assert {c.layout for _, c in (await world.checkpoints()).values() if c} == {RESETTING}
        await topics.ensure(world.admin, topics.specs(world.settings))
        assert "a reset was interrupted" in await show(world.settings, None)
        await run_reset(world.settings, start="committed", outputs=False, yes=True)
        assert {c.layout for _, c in (await world.checkpoints()).values() if c} == {""}
        assert {offset for offset, _ in (await world.checkpoints()).values()} == {TICKS - 5}

    async def test_what_cannot_be_done(self, world: World) -> None:
        more = world.settings.model_copy(update={"partitions": 3})
        with pytest.raises(StateError, match=r"ticks has 2 partitions, HAYATE_PARTITIONS=3: set HAYATE_PARTITIONS=2$"):
            await run_reset(more, start="earliest", outputs=True, yes=True)
        await world.commit(offset=99)
        with pytest.raises(StateError, match="--from committed: offset 99 is committed, the log ends at 20"):
            await run_reset(world.settings, start="committed", outputs=True, yes=True)

    async def test_not_while_somebody_works(self, world: World, services: Endpoints) -> None:
        consumer = AIOKafkaConsumer(
            world.ticks,
            bootstrap_servers=services.bootstrap_servers,
            group_id=world.settings.app_id,
            group_instance_id="w-1",
        )
        async with consumer:
            with pytest.raises(StateError, match=r"has members: w-1 at .*; stop every worker first"):
                await run_reset(world.settings, start="earliest", outputs=False, yes=False)
            with pytest.raises(StateError, match="has members: w-1 at"):
                await run_migration(world.settings, "default")
            assert "w-1 at" in await show(world.settings, None)

    async def test_redis_away(self, settings: Settings) -> None:
        with pytest.raises(RetryError, match=r"Redis at 127\.0\.0\.1:1/0: .* remove them yourself"):
            await clear_features(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))


class TestMigrate:
    """Rows of one set become rows of another."""

    @pytest.fixture
    def new(self, settings: Settings, tmp_path: Path) -> Settings:
        return settings.model_copy(update={"feature_set": toml(tmp_path, "new", NEW)})

    async def test_rows_and_commits(self, world: World, new: Settings) -> None:
        """Offsets and times stay, equal indicators go on, the commits say the new layout; a second run does nothing."""
        said = await run_migration(new, world.settings.feature_set)
        assert said.startswith("3 rows converted:")
        assert "these go on: sma_5" in said
        assert "these start warming: ema_12" in said
        old_set, new_set = FeatureSet.of("old", *OLD), FeatureSet.of("new", *NEW)
        rows = await world.rows(new_set)
        assert {symbol: (row.offset, row.ts_ns) for symbol, row in rows.items()} == {
            symbol: (offset, 7_000 + offset) for offset, symbol in enumerate(SYMBOLS)
        }
        source, target = old_set.layout.places["sma_5"].slots, new_set.layout.places["sma_5"].slots
        for row in rows.values():
            np.testing.assert_array_equal(row.state[target], np.arange(1.0, old_set.width + 1)[source])
            assert not row.state[new_set.layout.places["ema_12"].slots].any()
        for tp, (offset, checkpoint) in (await world.checkpoints()).items():
            assert offset == TICKS - 5
            assert checkpoint is not None
            layout = f"{new_set.layout_hash:016x}" if tp.topic == world.ticks else new_set.version
            assert (checkpoint.layout, checkpoint.ends, checkpoint.seen) == (layout, {world.features: 3}, 4)
        assert (await show(new, None)).endswith("everything fits")
        assert (await run_migration(new, world.settings.feature_set)).startswith("0 rows converted:")

    async def test_an_interrupted_one_is_seen_and_finished(
        self, world: World, new: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, calls = state_migrate._converted, 0

        def ended_at_the_second(*arguments: Any) -> bytes:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise KeyboardInterrupt
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(state_migrate, "_converted", ended_at_the_second)
            with pytest.raises(KeyboardInterrupt):
                await run_migration(new, world.settings.feature_set)
        assert "a migration was interrupted" in await show(new, None)
        assert (await run_migration(new, world.settings.feature_set)).startswith("2 rows converted:")
        assert set(await world.rows(FeatureSet.of("new", *NEW))) == set(SYMBOLS)

    async def test_many_rows(self, world: World, new: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        """More than wait for their acknowledgement at once."""
        monkeypatch.setattr(state_migrate, "IN_FLIGHT", 1)
        assert (await run_migration(new, world.settings.feature_set)).startswith("3 rows converted:")

    async def test_rows_of_neither_set(self, world: World, new: Settings) -> None:
        with pytest.raises(StateError, match=r"rows of layout [0-9a-f]{16} \(3\) are neither of default .* nor of new"):
            await run_migration(new, "default")
        assert {c.layout for _, c in (await world.checkpoints()).values() if c} != {MIGRATING}, "nothing was begun"

    async def test_not_on_another_log(self, world: World, new: Settings) -> None:
        await world.commit(offset=99)
        with pytest.raises(StateError, match="these rows are of no use: faust -A app state reset --yes --outputs"):
            await run_migration(new, world.settings.feature_set)

    @pytest.mark.usefixtures("world")
    async def test_no_such_feature_set(self, new: Settings) -> None:
        with pytest.raises(ConfigError, match="nowhere"):
            await run_migration(new, "nowhere")


def test_the_command_line(services: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """As a person types it: what it prints, and an error in one line."""
    there = CommandLine(services, topic_prefix, tmp_path, partitions=PARTITIONS)
    there.create_topics()
    shown = there.faust("state", "show")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.endswith("everything fits\n")
    reset = there.faust("state", "reset", "--yes", "--from", "latest", "--outputs")
    assert reset.returncode == 0, reset.stderr
    assert reset.stdout.startswith("done:\n")
    assert "setting the commits" in reset.stderr
    nothing = there.faust("state", "migrate")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr == "hayate: state migrate: which feature set wrote the rows? give its name or TOML file\n"
    done = there.faust("state", "migrate", "default")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 rows converted:\n")


def test_the_progress_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a second at most."""
    seconds = iter((0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0))
    monkeypatch.setattr("agents.state_commands.time.monotonic", lambda: next(seconds))
    progress = Progress()
    for done in (1_000, 2_000, 3_000, 4_000):
        progress(done, 4_000)
    assert capsys.readouterr().err.splitlines() == [
        "read of the changelog: 2,000 of 4,000 (50%)",
        "read of the changelog: 4,000 of 4,000 (100%)",
    ]
