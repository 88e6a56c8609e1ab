"""A worker's place: what it makes sure of, and holds, before it joins the group.

In this order: the data directory is its own; Kafka answers and the topics are as promised; nobody else is the member
that it is going to be; the rows in the data directory are those of the changelog that is there. Whatever is not so is
refused by name, before anything has begun.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol

from agents.locks import Lock, lock_data_dir, lock_instance
from streams.errors import ConfigError, TopicError
from streams.kafka import topics
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import cluster_id, connected_admin, topic_ids
from streams.kafka.groups import Group, Member
from streams.settings import Settings
from tables.local_identity import keep_only_rows_of

log = logging.getLogger(__name__)

AUTO = "auto"
INSTANCE_FILE = "instance-id"
WATCH_S = (2.0, 5.0)
"""Least and most time for which a namesake on another machine is watched for signs of life."""


@dataclass
class Place:
    """What `take_place` found and holds."""

    instance_id: str | None = None
    """Name of a static member, None for a dynamic one."""
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    """Input topic -> what its checkpoints rest on, see streams.kafka.topics.identities."""
    locks: list[Lock] = field(default_factory=list)

    def release(self) -> None:
        """Give up the locks, when the worker has ended."""
        for lock in self.locks:
            lock.release()


async def take_place(settings: Settings, table_dir: Path) -> Place:
    """Take the place of the worker that `settings` describe; `table_dir`: where Faust keeps the local tables.

    Raises:
        FatalError: it is another's, or something is not as promised; the message says what to do.
        RetryError: Kafka does not answer.
    """
    place = Place()
    try:
        place.locks.append(lock_data_dir(settings.data_dir))
        async with connected_admin(KafkaAccess.of(settings)) as admin:
            wanted = topics.specs(settings)
            if missing := await topics.check(admin, wanted):
                names = ", ".join(spec.name for spec in missing)
                raise TopicError(f"missing on {settings.kafka_url}: {names}; create with: faust -A app topics")
            ids = await topic_ids(admin, [spec.name for spec in wanted])
            place.topic_ids = topics.identities(settings, ids)
            place.instance_id = instance_id(settings)
            if place.instance_id is not None:
                cluster = await cluster_id(admin)
                place.locks.append(lock_instance(cluster, settings.group, place.instance_id))
                await refuse_living_namesake(admin, settings, place.instance_id)
        tables = topics.changelogs(settings) if settings.remembers_signals else (topics.changelog_name(settings),)
        if all(name in ids for name in tables):
            _keep_only_rows_of("+".join(ids[name] for name in tables), settings.data_dir, table_dir)
    except BaseException:
        place.release()
        raise
    return place


def instance_id(settings: Settings) -> str | None:
    """The name that `HAYATE_INSTANCE_ID` says; with `auto` the one in the data directory, made at the first call."""
    if settings.instance_id != AUTO:
        return settings.instance_id or None
    file = settings.data_dir / INSTANCE_FILE
    try:
        if not file.is_file():
            draft = file.with_suffix(".new")
            draft.write_text(f"worker-{uuid4().hex[:12]}\n", encoding="ascii")
            draft.replace(file)
        found = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"HAYATE_DATA_DIR={settings.data_dir}: {file}: {error}; make it readable, or remove it"
        ) from None
    if not found:
        raise ConfigError(f"HAYATE_INSTANCE_ID=auto: {file} is empty; remove it")
    return found


async def refuse_living_namesake(admin: AIOKafkaAdminClient, settings: Settings, instance: str) -> None:
    """Refuse to become a member whom another machine is already.

    The group keeps one that was killed for its session, so its being there says nothing: on this machine the lock has
    told the dead from the living, and elsewhere only commits that go on do. Of two that cannot be told apart the older
    one ends, within a heartbeat of the other's joining (streams/kafka/membership.py).

    Raises:
        ConfigError: it lives.
    """
    group = Group(admin, settings.group)
    found = _named(await group.members(), instance)
    if found is None or found.host in _own_addresses(admin):
        return
    tps = ConsumerProtocol.ASSIGNMENT.decode(found.assignment).partitions() if found.assignment else []
    before = await group.commits()
    least, most = WATCH_S
    log.info("%s was this member a moment ago; is it alive?", found)
    await asyncio.sleep(min(max(least, 2.5 * settings.checkpoint_ms / 1000), most))
    after = await group.commits()
    again = _named(await group.members(), instance)
    if again is not None and again.member_id == found.member_id and any(after.get(tp) != before.get(tp) for tp in tps):
        raise ConfigError(
            f"HAYATE_INSTANCE_ID={instance}: a worker at {found.host} is this member of {settings.group} and at work; "
            "give each worker an id of its own, or stop that one first"
        )


def _named(members: list[Member], instance: str) -> Member | None:
    return next((member for member in members if member.instance_id == instance), None)


def _own_addresses(admin: AIOKafkaAdminClient) -> set[str]:
    """The addresses by which the brokers see us, as Kafka writes them."""
    writers: list[Any] = [connection._writer for connection in admin._client._conns.values() if connection._writer]
    own = {ip_address(writer.get_extra_info("sockname")[0].partition("%")[0]) for writer in writers}
    return {_as_java(str(address.exploded)) for address in own}


def _as_java(address: str) -> str:
    """`0000:...:0001` as Java writes it: `0:0:0:0:0:0:0:1`."""
    return ":".join(part.lstrip("0") or "0" for part in address.split(":")) if ":" in address else address


def _keep_only_rows_of(changelog_id: str, data_dir: Path, table_dir: Path) -> None:
    try:
        keep_only_rows_of(changelog_id, data_dir, table_dir)
    except OSError as error:
        raise ConfigError(
            f"HAYATE_DATA_DIR={data_dir}: the rows of another changelog cannot be removed: {error}; empty the folder"
        ) from None
