"""Versions that no training made: their members are bytes, for tests of where versions are kept."""

import hashlib

from tables.models.manifest import (
    Calibration,
    FeatureSetUsed,
    Input,
    Label,
    MemberFile,
    ModelManifest,
    StackerFile,
    Tier,
    named,
)


def made(name: str = "tiny", content: bytes = b"tree", created: str = "") -> tuple[ModelManifest, dict[str, bytes]]:
    """A manifest and its model files."""
    files = {"members/tree.onnx": content, "stacker.onnx": b"stacker of " + content}
    hashes = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    manifest = ModelManifest(
        name=name,
        created=created,
        feature_set=FeatureSetUsed("small", "0" * 12, ("sma_5",)),
        inputs=(Input("sma_5", "relative"),),
        label=Label("direction", 1_000),
        classes=("down", "flat", "up"),
        members=(MemberFile("tree", "lightgbm", "members/tree.onnx", hashes["members/tree.onnx"]),),
        stacker=StackerFile("stacker.onnx", hashes["stacker.onnx"]),
        weights={"tree": 1.0},
        calibration=Calibration(),
        tier=Tier(0.93, None),
        act_above=0.1,
        move_bps=1.0,
        data={},
        splits=(),
    )
    return named(manifest), files
