"""The records of the topic `models`: who serves from which record on, and what was too late.

JSON in partition 0, key the role or the promotion's id, kept whole. A record that cannot be read is left out, by every
worker alike.
"""

from typing import Annotated, Final, Literal, get_args

import msgspec

from tables.models.manifest import VERSION_DIGITS

Role = Literal["champion", "canary", "challenger"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Model = Annotated[str, msgspec.Meta(pattern=rf"^[a-z0-9][a-z0-9_-]{{0,63}}@[0-9a-f]{{{VERSION_DIGITS}}}$")]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Partition = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
TEXT_CHARS: Final = 1_000


class Promotion(msgspec.Struct, frozen=True, kw_only=True, tag="promotion", tag_field="kind"):
    """From certain records on a role is a model's."""

    id: Id
    role: Role
    model: Model | None
    """`name@version`; None: nobody has the role, and for the champion the rules serve."""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Of the symbols, that a canary serves."""
    first: dict[Partition, Offset] = msgspec.field(name="from")
    """Partition -> first offset in `features` that it holds for."""
    reason: Text = ""
    by: Text = ""
    """Who or which worker."""
    automatic: bool = False
    answers: Id | None = None
    """Id of the promotion that this one takes back. It holds only while that one is the newest of its role, so of
    several workers that take back the same one the first wins."""


class Amendment(msgspec.Struct, frozen=True, kw_only=True, tag="amendment", tag_field="kind"):
    """A worker was beyond the first offset of a promotion when it learned of it: it holds from `first` on."""

    promotion: Id
    partition: Partition
    first: Offset


Record = Promotion | Amendment
_decoder: Final = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """JSON."""
    return msgspec.json.encode(record)


def decode_record(raw: bytes | None) -> Record | None:
    """The record; None where it is none."""
    try:
        return None if raw is None else _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def key_of(record: Record) -> bytes:
    """Key of a record: only for people who look at the topic."""
    return (record.role if isinstance(record, Promotion) else record.promotion).encode()
