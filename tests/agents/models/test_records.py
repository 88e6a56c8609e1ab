"""The records of `models`: what was written is read back, and nothing else is taken for one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models.records import Promotion, decode_record, encode_record, key_of
from tests.agents.models.logs import MODELS, logs, promotion


@given(logs())
def test_what_was_written_is_read_back(log: list[Promotion]) -> None:
    assert [decode_record(encode_record(record)) for record in log] == log


@given(st.binary() | st.none() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_nothing_else_is_a_record(raw: bytes | None) -> None:
    assert decode_record(raw) is None


@pytest.mark.parametrize(
    "change",
    [
        {"model": "a@1"}, {"model": "../a@" + "0" * 12}, {"role": "king"}, {"share": 1.5}, {"from": {"0": -1}},
        {"from": {"-1": 1}}, {"from": {"0": 2**63}}, {"from": {"x": 1}}, {"id": ""}, {"kind": "other"},
    ],
)  # fmt: skip
def test_a_record_out_of_range_is_none(change: dict[str, object]) -> None:
    fields = msgspec.json.decode(encode_record(promotion("p", MODELS[0], 1, 2)))
    assert decode_record(msgspec.json.encode(fields)) is not None
    assert decode_record(msgspec.json.encode(fields | change)) is None


def test_it_looks_as_the_docs_say() -> None:
    fields = msgspec.json.decode(encode_record(promotion("p", MODELS[0], 7, role="canary", share=0.1)))
    assert fields == {
        "kind": "promotion", "id": "p", "role": "canary", "model": MODELS[0], "share": 0.1, "from": {"0": 7},
        "reason": "", "by": "test", "automatic": False, "answers": None,
    }  # fmt: skip
    assert key_of(promotion("p", None, 1)) == b"champion"
