"""Fitted models as ONNX files: one input `inputs`, one output `probabilities`, nothing that changes from run to run.

Converters also give a label, whose shape they declare wrongly (onnxmltools 1.16: {1}, a warning at every run), and
names drawn at random; both are taken out. Only thresholds and weights are in the files, no code and nothing pickled.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.columns import F64
from streams.errors import ConfigError

if TYPE_CHECKING:
    from agents.decision.inputs import F32
    from agents.training.layers import Layers
    from agents.training.members import Fitted

OPSET: Final = 15
IR_VERSION: Final = 8
"""So old that every ONNX Runtime that the project allows reads it."""
PARITY: Final = 1e-5
"""Largest difference of a probability between a model and its ONNX file."""
INPUTS: Final = "inputs"
PROBABILITIES: Final = "probabilities"


def lightgbm_onnx(booster: Any, width: int, classes: int) -> bytes:
    """A LightGBM booster."""
    from onnxmltools import convert_lightgbm  # type: ignore[import-untyped]  # noqa: PLC0415
    from onnxmltools.convert.common.data_types import FloatTensorType  # type: ignore[import-untyped]  # noqa: PLC0415

    model = convert_lightgbm(
        booster, initial_types=[(INPUTS, FloatTensorType([None, width]))], zipmap=False, target_opset=OPSET
    )
    return _cleaned(model, classes)


def xgboost_onnx(model: Any, width: int, classes: int) -> bytes:
    """A classifier of XGBoost."""
    from onnxmltools import convert_xgboost  # noqa: PLC0415
    from onnxmltools.convert.common.data_types import FloatTensorType  # noqa: PLC0415

    found = convert_xgboost(model, initial_types=[(INPUTS, FloatTensorType([None, width]))], target_opset=OPSET)
    return _cleaned(found, classes)


def forest_onnx(model: Any, width: int, classes: int) -> bytes:
    """A random forest of scikit-learn."""
    from onnx import helper  # noqa: PLC0415 - the extra
    from skl2onnx import convert_sklearn  # type: ignore[import-untyped]  # noqa: PLC0415
    from skl2onnx.common.data_types import FloatTensorType  # type: ignore[import-untyped]  # noqa: PLC0415

    found = convert_sklearn(
        model,
        initial_types=[(INPUTS, FloatTensorType([None, width]))],
        options={id(model): {"zipmap": False}},
        target_opset=OPSET,
    )
    # The converter (1.20) leaves out where a missing input goes: it would always go right.
    left = {
        (tree, node): int(goes)
        for tree, one in enumerate(model.estimators_)
        for node, goes in enumerate(one.tree_.missing_go_to_left)
    }
    for node in found.graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if "nodes_treeids" in given:
            pairs = zip(given["nodes_treeids"].ints, given["nodes_nodeids"].ints, strict=True)
            if "nodes_missing_value_tracks_true" in given:
                node.attribute.remove(given["nodes_missing_value_tracks_true"])
            goes = [left[pair] for pair in pairs]
            node.attribute.append(helper.make_attribute("nodes_missing_value_tracks_true", goes))
    return _cleaned(found, classes)


def layers_onnx(layers: "Layers", clip: float, width: int, classes: int) -> bytes:
    """Layers as matrix products: (x - mean) / scale, cut off, rectified between the layers, softmax at the end."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - the extra

    def constant(name: str, numbers: "F64 | float") -> Any:
        return numpy_helper.from_array(np.asarray(numbers, np.float32), name)

    constants = [
        constant("mean", layers.mean), constant("scale", layers.scale), constant("low", -clip), constant("high", clip)
    ]  # fmt: skip
    nodes = [
        helper.make_node("Sub", [INPUTS, "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["h0"]),
    ]
    for i, (weight, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        if i:
            nodes.append(helper.make_node("Relu", [f"h{i}"], [f"r{i}"]))
        constants += [constant(f"w{i}", weight), constant(f"b{i}", bias)]
        nodes.append(helper.make_node("Gemm", [f"r{i}" if i else "h0", f"w{i}", f"b{i}"], [f"h{i + 1}"]))
    nodes.append(helper.make_node("Softmax", [f"h{len(layers.weights)}"], [PROBABILITIES], axis=1))
    graph = helper.make_graph(
        nodes,
        "member",
        [helper.make_tensor_value_info(INPUTS, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _cleaned(model: Any, classes: int) -> bytes:
    """The file of a converter's model: the probabilities alone, in the declared shape, under fixed names."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - the extra

    graph = model.graph
    (found,) = (output.name for output in graph.output if "prob" in output.name)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, classes]))
    needed, kept = {found}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    for i, node in enumerate(graph.node):
        node.name = f"{node.op_type}{i}"
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == found:
                    names[place] = PROBABILITIES
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    graph.name = "member"
    graph.doc_string = model.doc_string = model.producer_version = ""
    model.ir_version = IR_VERSION
    return bytes(model.SerializeToString(deterministic=True))


def exported(name: str, fitted: "Fitted", x: "F32", classes: int) -> tuple[bytes, float]:
    """The ONNX file of a fitted model and the largest difference of a probability, over the rows `x` [n, k].

    Raises:
        ConfigError: the difference is above `PARITY`.
    """
    from agents.decision.onnx_model import OnnxModel  # noqa: PLC0415 - ONNX Runtime takes a while to load

    raw = fitted.onnx(x.shape[1], classes)
    given = OnnxModel(name, raw, width=x.shape[1], classes=classes).probabilities(x)
    difference = np.abs(given - fitted.probabilities(x))
    worst = float(difference.max()) if len(x) else 0.0
    if not worst <= PARITY:
        raise ConfigError(
            f"member {name}: its ONNX file gives other probabilities than the model, by up to {worst:.2g} where "
            f"{PARITY:g} is allowed; leave it out of --members and report this with the versions of the libraries"
        )
    return raw, worst
