"""A loaded version: batches, missing inputs, failing members, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.decision.decisions import ACTIONS, UNUSABLE, WARMING, Decisions
from agents.decision.version import ModelVersion
from streams.columns import F64
from streams.errors import ConfigError
from tables.models.manifest import Calibration, Label, ModelManifest
from tests.models import SMALL, Made, market, version

COLUMNS = (
    "probability_up", "confidence", "action", "expected_return_bps", "risk", "members", "effective_weights", "classes",
    "high", "fallback",
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Made:
    return version()


@pytest.fixture
def model(made: Made) -> ModelVersion:
    return made.load()


@pytest.fixture(scope="module")
def records() -> tuple[F64, F64]:
    values, price = market(SMALL, rows=400, seed=5)
    return values[60:], price[60:]


def bits(decisions: Decisions) -> list[bytes]:
    return [np.asarray(getattr(decisions, name)).tobytes() for name in COLUMNS]


def breaking(model: ModelVersion, place: int, answer: Callable[[Any], Any]) -> None:
    model._members[place].probabilities = answer  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_a_decision_has_the_same_bits_in_every_batch(model: ModelVersion, records: tuple[F64, F64], size: int) -> None:
    values, price = records[0].copy(), records[1]
    values[::9, -1] = np.nan
    values[::31, 0] = np.nan
    whole = model.decide(values, price)
    assert set(whole.reason) == {None, WARMING}
    cuts = [model.decide(values[at : at + size], price[at : at + size]) for at in range(0, len(price), size)]
    assert [b"".join(parts) for parts in zip(*map(bits, cuts), strict=True)] == bits(whole)
    assert [reason for cut in cuts for reason in cut.reason] == whole.reason


def test_what_a_decision_says_follows_from_its_classes(model: ModelVersion, records: tuple[F64, F64]) -> None:
    found = model.decide(*records)
    assert found.classes is not None
    down, flat, up = found.classes.T
    np.testing.assert_allclose(down + flat + up, 1.0, atol=1e-6)
    np.testing.assert_allclose(found.probability_up, up / (up + down))
    np.testing.assert_allclose(found.expected_return_bps, (up - down) * 2.5)
    np.testing.assert_array_equal(found.high, np.maximum(up, down) >= 0.6)
    acts = (np.abs(up - down) > 0.2) | found.high
    assert [ACTIONS[code] != "hold" for code in found.action] == acts.tolist()
    assert found.high.any()
    assert not found.high.all()
    assert not found.fallback.any()


def test_members_that_take_a_missing_input_answer_without_the_others(
    model: ModelVersion, records: tuple[F64, F64]
) -> None:
    values, price = records[0][:1].copy(), records[1][:1]
    values[0, -1] = np.nan
    found = model.decide(values, price)
    assert np.isnan(found.members[0]).tolist() == [False, False, False, True, True]
    assert (found.reason, found.fallback.tolist(), found.high.tolist()) == ([None], [False], [False])


def test_nobody_answers_without_what_was_never_missing(model: ModelVersion, records: tuple[F64, F64]) -> None:
    values, price = records[0][:3].copy(), records[1][:3].copy()
    values[0, 0], values[1, 0], price[2] = np.nan, np.inf, np.nan
    found = model.decide(values, price)
    assert found.reason == [WARMING, UNUSABLE, WARMING]
    assert found.probability_up.tolist() == [0.5] * 3
    assert found.confidence.tolist() == [0.0] * 3
    assert not model.score(values, price).usable.any()


@pytest.mark.parametrize("raises", [True, False])
def test_a_failing_member_is_left_out(model: ModelVersion, records: tuple[F64, F64], raises: bool) -> None:
    expected = model.decide(*records, without=frozenset({"xgboost"}))

    def answer(matrix: Any) -> Any:
        if raises:
            raise RuntimeError("no")
        return np.full((len(matrix), 3), np.nan, np.float32)

    breaking(model, 1, answer)
    found = model.decide(*records)
    assert bits(found) == bits(expected)
    assert found.fallback.all()
    assert set(found.reason) == {"member:xgboost"}
    assert not found.high.any()
    assert model.score(*records).errors == ({"xgboost": "RuntimeError: no"} if raises else {})


def test_a_failing_stacker_leaves_the_pool(made: Made, model: ModelVersion, records: tuple[F64, F64]) -> None:
    pooled = made.changed(stacker=None).load().decide(*records)

    def answer(_: Any) -> Any:
        raise RuntimeError("no")

    assert model._stacker is not None
    model._stacker.probabilities = answer  # type: ignore[method-assign, assignment]
    found = model.decide(*records)
    assert set(found.reason) == {"stacker"}
    np.testing.assert_array_equal(found.probability_up, pooled.probability_up)
    weights = np.tile(model.weights, (len(records[1]), 1))
    given = made.load().decide(*records, weights=weights)
    np.testing.assert_array_equal(given.probability_up, pooled.probability_up)


def test_reads_the_folder_of_a_version(made: Made, tmp_path: Path, records: tuple[F64, F64]) -> None:
    folder = made.write(tmp_path)
    model = ModelVersion.from_folder(folder, SMALL)
    assert bits(model.decide(*records)) == bits(made.load().decide(*records))
    (folder / "stacker.onnx").unlink()
    with pytest.raises(ConfigError, match=r"stacker\.onnx"):
        ModelVersion.from_folder(folder, SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": Label("volatility", 1000)}, "no direction"),
        ({"label": Label("direction", 0)}, "horizon_ms=0"),
        ({"classes": ("up", "flat", "down")}, "classes"),
        ({"inputs": ()}, "inputs"),
        ({"members": ()}, "members"),
        ({"weights": {"xgboost": 1.0}}, "weights"),
        ({"weights": dict.fromkeys(["lightgbm", "xgboost", "random_forest", "logistic", "mlp"], 0.0)}, "not all 0"),
        ({"move_bps": -1.0}, "move_bps"),
        ({"calibration": Calibration("platt")}, "calibration"),
    ],
)
def test_refuses_a_manifest_that_contradicts_itself(made: Made, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made.changed(**change).load()


def test_refuses_another_feature_set_by_name(made: Made) -> None:
    outputs, schema = list(SMALL.outputs), SMALL.version

    def load(names: list[str], version_: str = schema, manifest: ModelManifest = made.manifest) -> None:
        ModelVersion.load(manifest, made.files, outputs=names, schema=version_)

    with pytest.raises(ConfigError, match="needs the feature 'sma_5'"):
        load(outputs[1:])
    with pytest.raises(ConfigError, match="does not know the feature 'new'"):
        load([*outputs, "new"])
    with pytest.raises(ConfigError, match="feature 0 is 'sma_5' in its training and 'sma_20' here"):
        load([outputs[1], outputs[0], *outputs[2:]])
    with pytest.raises(ConfigError, match="trained on version"):
        load(outputs, "another")
    twice = msgspec.structs.replace(made.manifest, members=made.manifest.members[:1] * 2)
    with pytest.raises(ConfigError, match="there twice"):
        load(outputs, manifest=twice)


def test_refuses_files_that_are_missing_or_altered(made: Made) -> None:
    file = made.manifest.members[0].file
    with pytest.raises(ConfigError, match="SHA-256"):
        Made(made.manifest, {**made.files, file: made.files[file] + b"\0"}, SMALL).load()
    with pytest.raises(ConfigError, match="no file"):
        Made(made.manifest, {name: raw for name, raw in made.files.items() if name != file}, SMALL).load()


def test_refuses_shapes_that_do_not_fit(model: ModelVersion, records: tuple[F64, F64]) -> None:
    with pytest.raises(ValueError, match="weights"):
        model.decide(*records, weights=np.ones((1, 5)))
