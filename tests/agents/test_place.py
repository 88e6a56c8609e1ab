"""What a worker makes sure of before it joins: each refusal by name, and nothing held after one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents import place as module
from agents.locks import lock_data_dir
from agents.place import Place, instance_id, refuse_living_namesake, take_place
from deploy.local import Endpoints
from streams.errors import ConfigError, RetryError, TopicError
from streams.kafka import topics
from streams.kafka.groups import Group, Member
from streams.settings import Settings
from tables.local_identity import IDENTITY_FILE


@pytest.fixture
def settings(services: Endpoints, topic_prefix: str, tmp_path: Path) -> Settings:
    return Settings(
        kafka_url=services.kafka_url,
        topic_prefix=topic_prefix,
        app_id=f"{topic_prefix}app",
        partitions=2,
        data_dir=tmp_path / "data",
        instance_id="me",
    )


@pytest.fixture
async def admin(services: Endpoints) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


async def take(settings: Settings) -> Place:
    return await take_place(settings, settings.data_dir / "v1" / "tables")


async def test_a_place_is_taken_held_and_given_back(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    await topics.ensure(admin, topics.specs(settings))
    place = await take(settings)
    assert place.instance_id == "me"
    ticks, features = settings.topic("ticks"), settings.topic("features")
    assert place.topic_ids.keys() == {ticks, features}
    assert place.topic_ids[ticks].count("+") == 1
    assert (settings.data_dir / IDENTITY_FILE).is_file()
    with pytest.raises(ConfigError, match=r"HAYATE_DATA_DIR=.* has it"):
        await take(settings)
    with pytest.raises(ConfigError, match=r"HAYATE_INSTANCE_ID=me: process .* is this member of .*app already"):
        await take(settings.model_copy(update={"data_dir": settings.data_dir.with_name("other")}))
    other = await take(
        settings.model_copy(update={"data_dir": settings.data_dir.with_name("other"), "instance_id": ""})
    )
    assert other.instance_id is None
    other.release()
    place.release()
    (await take(settings)).release()


async def test_missing_topics_are_named_and_nothing_is_held(settings: Settings) -> None:
    with pytest.raises(TopicError, match=rf"missing on .*{settings.topic('ticks')}, .*: faust -A app topics"):
        await take(settings)
    lock_data_dir(settings.data_dir).release()


async def test_no_kafka(settings: Settings) -> None:
    with pytest.raises(RetryError, match="does not answer"):
        await take(settings.model_copy(update={"kafka_url": "kafka://127.0.0.1:1"}))
    lock_data_dir(settings.data_dir).release()


async def test_rows_of_another_changelog_are_not_used(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    """As after `state reset`, which made the changelog anew, on another machine maybe."""
    await topics.ensure(admin, topics.specs(settings))
    rows = settings.data_dir / "v1" / "tables" / "rows"
    rows.mkdir(parents=True)
    (settings.data_dir / IDENTITY_FILE).write_text("00\n")
    (await take(settings)).release()
    assert not rows.exists()


async def test_rows_that_cannot_be_removed(
    settings: Settings, admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.ensure(admin, topics.specs(settings))

    def refuse(*_: Any) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "keep_only_rows_of", refuse)
    with pytest.raises(
        ConfigError, match=r"HAYATE_DATA_DIR=.*cannot be removed: .*Permission denied; empty the folder"
    ):
        await take(settings)


class TestInstanceId:
    """Where the name comes from."""

    def test_given(self, tmp_path: Path) -> None:
        assert instance_id(Settings(instance_id="w-1", data_dir=tmp_path)) == "w-1"
        assert instance_id(Settings(instance_id="", data_dir=tmp_path)) is None

    def test_kept_in_the_data_directory(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        first, other = (Settings(instance_id="auto", data_dir=tmp_path / name) for name in ("a", "b"))
        assert instance_id(first) == instance_id(first)
        assert instance_id(first) != instance_id(other)
        assert Settings(instance_id=str(instance_id(first))).instance_id == instance_id(first)

    @pytest.mark.parametrize(
        ("content", "said"), [(b"\n", "is empty; remove it"), (b"\xff", "make it readable, or remove")]
    )
    def test_not_to_be_read(self, tmp_path: Path, content: bytes, said: str) -> None:
        (tmp_path / "instance-id").write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            instance_id(Settings(instance_id="auto", data_dir=tmp_path))


class TestNamesakes:
    """A member of the same name that the group knows, on another machine or not."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "WATCH_S", (0.0, 0.0))

    @pytest.fixture
    async def member(
        self, settings: Settings, admin: AIOKafkaAdminClient, services: Endpoints
    ) -> AsyncIterator[Member]:
        """A live one, with partition 0 of ticks at least."""
        await topics.ensure(admin, topics.specs(settings))
        consumer = AIOKafkaConsumer(
            settings.topic("ticks"),
            bootstrap_servers=services.bootstrap_servers,
            group_id=settings.app_id,
            group_instance_id="me",
            enable_auto_commit=False,
        )
        await consumer.start()
        (member,) = await Group(admin, settings.app_id).members()
        yield member
        await consumer.stop()

    async def test_nobody(self, settings: Settings, admin: AIOKafkaAdminClient) -> None:
        await refuse_living_namesake(admin, settings, "me")

    @pytest.mark.usefixtures("member")
    async def test_on_this_machine_the_lock_has_told(
        self, settings: Settings, admin: AIOKafkaAdminClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        await refuse_living_namesake(admin, settings, "me")
        assert "is it alive" not in caplog.text

    @pytest.mark.parametrize("works", [True, False], ids=["at work", "silent"])
    async def test_on_another_machine_its_commits_tell(
        self,
        settings: Settings,
        admin: AIOKafkaAdminClient,
        member: Member,
        monkeypatch: pytest.MonkeyPatch,
        works: bool,
    ) -> None:
        """One that was killed is still a member, and nothing moves."""
        monkeypatch.setattr(module, "_own_addresses", lambda _: {"192.0.2.1"})
        offsets = iter((5, 6 if works else 5))

        async def commits(_: Group) -> dict[TopicPartition, OffsetAndMetadata]:
            return {TopicPartition(settings.topic("ticks"), 0): OffsetAndMetadata(next(offsets), "")}

        monkeypatch.setattr(Group, "commits", commits)
        if works:
            with pytest.raises(ConfigError, match=rf"a worker at {member.host} is this member of {settings.app_id}"):
                await refuse_living_namesake(admin, settings, "me")
        else:
            await refuse_living_namesake(admin, settings, "me")


def test_addresses_as_java_writes_them() -> None:
    class Writer:
        def __init__(self, host: str) -> None:
            self.host = host

        def get_extra_info(self, _: str) -> tuple[str, int]:
            return self.host, 1

    class Connection:
        def __init__(self, host: str | None) -> None:
            self._writer = Writer(host) if host is not None else None

    class Admin:
        def __init__(self) -> None:
            self._client = self
            self._conns = dict(enumerate(map(Connection, ("127.0.0.1", "::1", "fe80::1%eth0", None))))

    admin: Any = Admin()
    assert module._own_addresses(admin) == {"127.0.0.1", "0:0:0:0:0:0:0:1", "fe80:0:0:0:0:0:0:1"}
