"""Sealing at rest: what was sealed opens in its own place and in no other, and no nonce comes twice."""

import base64
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from tables import sealing
from tables.sealing import Sealer, SealError

KEY = bytes(range(32))
PLACE = "feature:ES:latest"


def raw(text: str) -> bytes:
    return base64.b64decode(msgspec.json.decode(text)["sealed"])


@given(st.binary(max_size=300), st.text("AZ09/-.", min_size=1), st.integers(0, 4095), st.integers(0, 2**63 - 1))
def test_what_was_sealed_opens(content: bytes, symbol: str, partition: int, offset: int) -> None:
    sealer = Sealer({"k1": KEY})
    place = f"feature:{symbol}:latest"
    text = sealer.seal(place, partition, offset, content)
    assert Sealer({"k2": os.urandom(32), "k1": KEY}).open(place, text.encode()) == (partition, offset, content)
    assert text.startswith(f'{{"_partition":{partition},"_offset":{offset},')
    assert content not in raw(text) or len(content) < 4


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_does_not_open(place: int, mask: int) -> None:
    """Wherever it is: in the coordinates, the name of the key, the salt, the counter, the content or the tag."""
    sealer = Sealer({"k1": KEY, "k2": KEY[::-1]})
    sealed = sealer.seal(PLACE, 3, 71, b"some content").encode()
    place %= len(sealed)
    changed = sealed[:place] + bytes([sealed[place] ^ mask]) + sealed[place + 1 :]
    try:
        opened = sealer.open(PLACE, changed)
    except SealError:
        return
    assert opened == (3, 71, b"some content")
    assert msgspec.json.decode(changed) == msgspec.json.decode(sealed)


def test_a_record_cannot_be_moved() -> None:
    sealer = Sealer({"k1": KEY})
    text = sealer.seal(PLACE, 3, 71, b"content").encode()
    for place, moved in (
        ("feature:NQ:latest", text),
        (PLACE, text.replace(b'"_offset":71', b'"_offset":72')),
        (PLACE, text.replace(b'"_partition":3', b'"_partition":4')),
    ):
        with pytest.raises(SealError, match=f"{place} does not open with key 'k1': somebody changed or moved it"):
            sealer.open(place, moved)


def test_no_nonce_comes_twice_under_one_key() -> None:
    """Neither within a process nor between two that have the same key: their salts differ, and so their keys."""
    found = [
        raw(sealer.seal(PLACE, 0, n, b"")) for sealer in (Sealer({"k": KEY}), Sealer({"k": KEY})) for n in range(99)
    ]
    assert len({text[: sealing.SALT_BYTES + sealing.COUNTER_BYTES] for text in found}) == len(found)
    assert len({text[: sealing.SALT_BYTES] for text in found}) == 2


def test_keys_rotate_without_a_gap() -> None:
    """Old everywhere; new added behind it everywhere; new first; old removed: at each step all read what all write."""
    old, new = {"k1": KEY}, {"k2": KEY[::-1]}
    for before, after in ((old, old | new), (old | new, new | old), (new | old, new)):
        one, other = Sealer(before), Sealer(after)
        for writer, reader in ((one, other), (other, one)):
            if writer.key_id in (before if reader is one else after):
                assert reader.open(PLACE, writer.seal(PLACE, 0, 1, b"x").encode()).content == b"x"
    with pytest.raises(SealError, match="sealed with key 'k1', HAYATE_FEATURES_KEY_FILE has k2: add it there"):
        Sealer(new).open(PLACE, Sealer(old).seal(PLACE, 0, 1, b"x").encode())


@pytest.mark.parametrize("text", [b"", b"{}", b"1.5", b'{"_partition":1,"_offset":2,"key":"k","sealed":"*"}', b"\xff"])
def test_what_is_no_sealed_record(text: bytes) -> None:
    with pytest.raises(SealError, match=f"{PLACE} holds no sealed record"):
        Sealer({"k": KEY}).open(PLACE, text)
    with pytest.raises(SealError, match="does not open"):
        Sealer({"k": KEY}).open(PLACE, b'{"_partition":1,"_offset":2,"key":"k","sealed":"AAAA"}')


def test_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    line = base64.b64encode(KEY).decode()
    path.write_text(f"# newest first\n\nk2 {line}\nk1 {line[::-1][1:]}=\n")
    sealer = Sealer.load(path)
    assert sealer is not None
    assert sealer.key_id == "k2"
    assert repr(sealer) == "Sealer(k2, k1)"
    assert line not in repr(vars(sealer).keys())
    assert Sealer.load(None) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "holds no key; write `name base64-of-32-bytes`"),
        ("k1 c2VjcmV0", "line 1 is no key"),
        ("\nk1", "line 2 is no key"),
        ("k1 ****", "line 1 is no key"),
        ("k:1 " + "A" * 43 + "=", "line 1 is no key"),
        (("k1 " + "A" * 43 + "=\n") * 2, "line 2 names a key that is there already"),
        ("k1 \udcff", "not UTF-8"),
    ],
)
def test_a_key_file_that_will_not_do(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match=f"HAYATE_FEATURES_KEY_FILE=.*keys: .*{what}") as raised:
        Sealer.load(path)
    assert "c2VjcmV0" not in str(raised.value)
    assert "AAAA" not in str(raised.value)
    with pytest.raises(ConfigError, match="No such file"):
        Sealer.load(tmp_path / "none")
    with pytest.raises(ValueError, match="no keys"):
        Sealer({})
