"""ONNX files of every kind of member: the same bits in every batch, and what is refused."""

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from agents.decision.onnx_model import OnnxModel
from agents.training.members import KINDS
from streams.errors import ConfigError
from tests.models import version

FILES = [*(f"members/{kind}.onnx" for kind in KINDS), "stacker.onnx"]


def width_of(file: str) -> int:
    made = version()
    return len(KINDS) * 3 if file == "stacker.onnx" else len(made.manifest.inputs)


@cache
def model(file: str) -> OnnxModel:
    return OnnxModel(file, version().files[file], width=width_of(file), classes=3)


def rows(file: str, n: int, seed: int) -> Any:
    return (np.random.default_rng(seed).standard_normal((n, width_of(file))) * 5).astype(np.float32)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("size", [1, 2, 7, 100, 1000])
def test_a_batch_of_any_size_has_the_bits_of_a_batch_of_one(file: str, size: int) -> None:
    matrix = rows(file, 1000, 7)
    whole = model(file).probabilities(matrix)
    cuts = [model(file).probabilities(matrix[at : at + size]) for at in range(0, 1000, size)]
    assert np.concatenate(cuts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("file", FILES)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 300), max_size=12), holes=st.booleans())
@settings(max_examples=20, deadline=None)
def test_random_cuts_have_the_same_bits(file: str, seed: int, cuts: list[int], holes: bool) -> None:
    matrix = rows(file, 300, seed)
    if holes:  # a missing input in one row is nothing to the others
        matrix[np.random.default_rng(seed).random(matrix.shape) < 0.01] = np.nan
    known = np.isfinite(matrix).all(axis=1)
    whole = model(file).probabilities(matrix)
    parts = np.split(matrix, sorted(cuts))
    found = np.concatenate([model(file).probabilities(np.ascontiguousarray(part)) for part in parts])
    assert found[known].tobytes() == whole[known].tobytes()


def network(nodes: list[Any], *, width: int = 2, constants: tuple[Any, ...] = (), inputs: str = "inputs") -> bytes:
    graph = helper.make_graph(
        nodes,
        "made-up",
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [None, None])],
        list(constants),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return bytes(made.SerializeToString())


def test_a_model_whose_rows_depend_on_each_other_is_scored_row_by_row() -> None:
    """The softmax over the batch: what a matrix routine that changes with the batch does to the last bit, enlarged."""
    raw = network([helper.make_node("Softmax", ["inputs"], ["probabilities"], axis=0)])
    found = OnnxModel("x.onnx", raw, width=2, classes=2)
    assert found.by_row
    matrix = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert (found.probabilities(matrix) == 0.5).all()
    assert found.probabilities(matrix[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "cannot load"),
        (b"no model at all", "cannot load"),
        (network([helper.make_node("Softmax", ["inputs"], ["probabilities"])], width=3), r"\[n, 2\]"),
        (network([helper.make_node("Softmax", ["x"], ["probabilities"])], inputs="x"), "inputs"),
        (network([helper.make_node("Softmax", ["inputs"], ["label"])]), "outputs"),
        (network([helper.make_node("Concat", ["inputs", "inputs"], ["probabilities"], axis=1)]), "cannot score"),
        (network([helper.make_node("Transpose", ["inputs"], ["probabilities"])]), "cannot score"),
    ],
)
def test_refuses_what_is_no_member(raw: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OnnxModel("x.onnx", raw, width=2, classes=2)


def test_the_files_name_no_code() -> None:
    """Nothing but standard operators: a version is data."""
    for file, raw in version().files.items():
        domains = {node.domain for node in onnx.load_from_string(raw).graph.node}
        assert domains <= {"", "ai.onnx.ml"}, file
