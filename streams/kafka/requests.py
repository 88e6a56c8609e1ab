"""Requests of the Kafka protocol that aiokafka 0.14 does not have: topic ids, and the groups of static members.

Each is one fixed version, understood by brokers since 2.8 (topic ids) or earlier, sent through aiokafka's own client.
"""

from io import BytesIO
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Array,
    Boolean,
    Bytes,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

NO_ID = UUID(int=0)
"""What a broker answers for a topic that does not exist, and what stands for `by name` in a request."""


class Uuid(AbstractType[UUID]):  # type: ignore[misc]  # aiokafka is untyped here
    """16 bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        """To the wire."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        """From the wire."""
        return UUID(bytes=data.read(16))


_TEXT = String("utf-8")
_COMPACT_TEXT = CompactString("utf-8")


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _COMPACT_TEXT),
                ("port", Int32),
                ("rack", _COMPACT_TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _COMPACT_TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _COMPACT_TEXT),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", _COMPACT_TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
        ("tags", TaggedFields),
    )


T = TypeVar("T", bound=RequestStruct)


class _FixedRequest(Request[T]):  # type: ignore[misc]
    """A request of one version with its values in order."""

    API_KEY: ClassVar[int] = -1

    def __init__(self, *values: Any) -> None:
        self._values = values

    def build(self, request_struct_class: type[T]) -> T:
        """The struct that goes out."""
        struct: T = request_struct_class(*self._values)
        return struct


class TopicIdsRequest(_FixedRequest[_MetadataStruct]):
    """Metadata v10 of topics by name: the first version with topic ids."""

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        super().__init__([(NO_ID, name, {}) for name in names], False, False, False, {})


class _LeaveGroupResponse(Response):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT), ("error_code", Int16))),
    )


class _LeaveGroupStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _LeaveGroupResponse
    SCHEMA = Schema(("group", _TEXT), ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT))))


class LeaveRequest(_FixedRequest[_LeaveGroupStruct]):
    """LeaveGroup v3: the first version by which a static member can leave. An empty member id means whoever has the
    instance id."""

    API_KEY = 13

    def __init__(self, group: str, member_id: str, instance_id: str | None) -> None:
        super().__init__(group, [(member_id, instance_id)])


class _DescribeGroupsResponse(Response):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", _TEXT),
                ("state", _TEXT),
                ("protocol_type", _TEXT),
                ("protocol", _TEXT),
                (
                    "members",
                    Array(
                        ("member_id", _TEXT),
                        ("group_instance_id", _TEXT),
                        ("client_id", _TEXT),
                        ("client_host", _TEXT),
                        ("metadata", Bytes),
                        ("assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class _DescribeGroupsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 4
    RESPONSE_TYPE = _DescribeGroupsResponse
    SCHEMA = Schema(("groups", Array(_TEXT)), ("include_authorized_operations", Boolean))


class MembersRequest(_FixedRequest[_DescribeGroupsStruct]):
    """DescribeGroups v4: the first version with the instance ids of static members."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        super().__init__([group], False)


class _OffsetDeleteResponse(Response):  # type: ignore[misc]
    API_KEY = 47
    API_VERSION = 0
    SCHEMA = Schema(
        ("error_code", Int16),
        ("throttle_time_ms", Int32),
        ("topics", Array(("topic", _TEXT), ("partitions", Array(("partition", Int32), ("error_code", Int16))))),
    )


class _OffsetDeleteStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 47
    API_VERSION = 0
    RESPONSE_TYPE = _OffsetDeleteResponse
    SCHEMA = Schema(("group", _TEXT), ("topics", Array(("topic", _TEXT), ("partitions", Array(Int32)))))


class ForgetOffsetsRequest(_FixedRequest[_OffsetDeleteStruct]):
    """OffsetDelete v0: removes commits of a group that has no member on these topics."""

    API_KEY = 47

    def __init__(self, group: str, partitions: dict[str, list[int]]) -> None:
        super().__init__(group, list(partitions.items()))
