"""Replies of Redis into stored records, in clear or sealed (tables/features/sealed.py)."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from tables.features.keys import RESERVED
from tables.features.sealed import SEALED, FeatureOpener
from tables.features.source import StoredNote, StoredRecord

NOTE: Final = ("ts_ns", "schema", "status", "id", "price", "flags", "_partition", "_offset", SEALED)
"""What a read of a latest hash asks for beside the values."""
_NOTED: Final = NOTE.index("flags") + 1
"""As many of them are told."""
_ID: Final = NOTE.index("id")
_SEALED: Final = NOTE.index(SEALED)
_NO_VALUES: Final = frozenset({*RESERVED, SEALED})


class _Record(msgspec.Struct, frozen=True):
    """The JSON of a record key; `sealed` where the rest is not to be seen."""

    ts_ns: int = 0
    schema: str = ""
    status: str = ""
    id: str = ""
    price: float | None = None
    flags: dict[str, str] = {}
    sealed: str | None = None


_RECORDS: Final = msgspec.json.Decoder(_Record)
_FLAGS: Final = msgspec.json.Decoder(dict[str, str])
_FLOATS: Final = msgspec.json.Decoder(list[float])
_NULLABLE: Final = msgspec.json.Decoder(list[float | None])


def whole(opener: FeatureOpener, key: str, reply: Sequence[bytes]) -> StoredRecord | None:
    """The reply to HGETALL of the latest hash at `key`; None where there is no record.

    Raises:
        ConfigError, SealError: as FeatureOpener.latest.
    """
    fields = {name.decode(): text for name, text in zip(reply[::2], reply[1::2], strict=True)}
    fields = opener.latest(key, fields)
    if "id" not in fields:
        return None
    return _of_fields(fields, [name for name in fields if name not in _NO_VALUES])


def named(opener: FeatureOpener, key: str, names: Sequence[str], reply: Sequence[bytes | None]) -> StoredRecord | None:
    """The reply to HMGET of NOTE and `names` of the latest hash at `key`; None where there is no record.

    Raises:
        ConfigError, SealError: as FeatureOpener.latest.
    """
    if opener.sealed or reply[_SEALED] is not None:
        there = {name: text for name, text in zip(NOTE, reply, strict=False) if text is not None}
        fields = opener.latest(key, there)
        return _of_fields(fields, names) if "id" in fields else None
    if reply[_ID] is None:
        return None
    return StoredRecord(_note(*reply[:_NOTED]), names, _numbers(reply[len(NOTE) :]))


def picked(names: Sequence[str], replies: Sequence[Sequence[bytes]]) -> list[Sequence[bytes | None]]:
    """Replies to HGETALL as those to HMGET of NOTE and `names` would be."""
    wanted = [name.encode() for name in (*NOTE, *names)]
    fields: Sequence[bytes] | None = None
    found: list[Sequence[bytes | None]] = []
    for reply in replies:
        # Most records have the same fields in the same order, so where each stands is looked up once.
        if reply[::2] != fields:
            fields = reply[::2]
            places = {name: 2 * place + 1 for place, name in enumerate(fields)}
            take = itemgetter(*(places.get(name, -1) for name in wanted))
        found.append(take([*reply, None]))
    return found


def of_second(
    opener: FeatureOpener, key: str, text: bytes, names: Sequence[str], values: Sequence[bytes | None]
) -> StoredRecord | None:
    """The record of a second, `text` read at `key`, with the `values` of `names` that were read beside it.

    Raises:
        ConfigError, SealError: as FeatureOpener.second.
    """
    record = None if opener.sealed else _RECORDS.decode(text)
    if record is None or record.sealed is not None:
        fields = opener.second(key, text)
        return None if fields is None else _of_fields(fields, names)
    note = StoredNote(record.ts_ns, record.schema, record.status, record.id, record.price, record.flags)
    return StoredRecord(note, names, list(map(_number, values)))


def _of_fields(fields: Mapping[str, bytes], names: Sequence[str]) -> StoredRecord:
    note = _note(*(fields.get(name) for name in NOTE[:_NOTED]))
    return StoredRecord(note, names, _numbers([fields.get(name) for name in names]))


def _note(
    ts_ns: bytes | None,
    schema: bytes | None,
    status: bytes | None,
    id_: bytes | None,
    price: bytes | None,
    flags: bytes | None,
) -> StoredNote:
    assert ts_ns is not None
    assert schema is not None
    assert status is not None
    assert id_ is not None
    named_flags = {} if flags is None else _FLAGS.decode(flags)
    return StoredNote(int(ts_ns), schema.decode(), status.decode(), id_.decode(), _number(price), named_flags)


def _numbers(texts: Sequence[bytes | None]) -> list[float] | list[float | None]:
    """As `_number` of each; as one JSON array, which takes a sixth of the time and gives the same doubles."""
    found: list[float] | list[float | None]
    try:
        if None in texts:
            found = _NULLABLE.decode(b"[%b]" % b",".join([b"null" if text is None else text for text in texts]))
        else:
            found = _FLOATS.decode(b"[%b]" % b",".join(texts))  # type: ignore[arg-type] # there is no None
    except msgspec.DecodeError:
        found = []  # somebody else wrote it: `NaN`, say, which is no JSON
    return found if len(found) == len(texts) else list(map(_number, texts))


def _number(text: bytes | None) -> float | None:
    return None if text is None else float(text)
