"""Every kind of member: learns the same twice, and its ONNX file answers as it does, also where an input is missing."""

import numpy as np
import pytest

from agents.decision.inputs import F32
from agents.training import export_onnx
from agents.training.export_onnx import exported
from agents.training.layers import Layers, fit_stacker
from agents.training.members import KINDS, fit
from agents.training.sampling import MOST_ROWS, spaced
from streams.columns import I64
from streams.errors import ConfigError

pytest.importorskip("lightgbm")
N, K = 1_500, 8


def rows(seed: int = 0, *, missing: float = 0.0) -> tuple[F32, I64]:
    """Inputs of different scales, one with few values, one with fat tails, and three classes that depend on them."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((N, K)) * 10.0 ** np.arange(-4, 4)
    x[:, 3] = random.integers(0, 5, N) / 10
    x[:, 4] = random.standard_cauchy(N)
    said = x[:, 0] * 1e4 + 3 * (x[:, 3] > 0.2) + random.standard_normal(N)
    label = np.digitize(said, np.quantile(said, (1 / 3, 2 / 3)))
    x[random.random(x.shape) < missing] = np.nan
    return x.astype(np.float32), label.astype(np.int64)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(kind: str) -> None:
    x, label = rows()
    found = fit(kind, x, label, 3, seed=1, quick=True).probabilities(x)
    assert found.shape == (N, 3)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (found.argmax(axis=1) == label).mean() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_file(kind: str) -> None:
    x, label = rows(missing=0.05 if KINDS[kind].takes_nan else 0.0)
    one, other = (fit(kind, x, label, 3, seed=2, quick=True).onnx(K, 3) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_answers_as_the_model(kind: str, missing: float) -> None:
    if missing and not KINDS[kind].takes_nan:
        pytest.skip("it is not asked where an input is missing")
    x, label = rows(missing=missing)
    model = fit(kind, x, label, 3, seed=1, quick=True)
    # Rows that it has not seen, and ones just beside those that it has: thresholds lie between them.
    unseen, _ = rows(9, missing=missing)
    beside = np.nextafter(x, np.float32(np.inf))
    raw, worst = exported(kind, model, np.ascontiguousarray(np.vstack((x, unseen, beside))), 3)
    assert worst <= 1e-5
    assert b"label" not in raw[-200:]


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    x, label = rows()
    model = fit("logistic", x, label, 3, seed=1, quick=True)
    assert isinstance(model, Layers)
    wrong = Layers(model.mean + 1.0, model.scale, model.weights, model.biases).onnx(K, 3)
    monkeypatch.setattr(export_onnx, "layers_onnx", lambda *_: wrong)
    with pytest.raises(ConfigError, match="member logistic: its ONNX file gives other probabilities"):
        exported("logistic", model, x, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_never_came_has_a_place(kind: str) -> None:
    x, label = rows()
    label = np.where(label == 1, 2, label)
    model = fit(kind, x, label, 3, seed=1, quick=True)
    found = model.probabilities(x)
    assert found.shape == (N, 3)
    assert found[:, 1].mean() < 0.15
    assert exported(kind, model, x, 3)[1] <= 1e-5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].takes_nan])
def test_no_complete_row_is_refused(kind: str) -> None:
    x, label = rows()
    x[:, 2] = np.nan
    with pytest.raises(ConfigError, match=f"--members {kind}: it learns from rows without missing inputs"):
        fit(kind, x, label, 3, seed=1, quick=True)


def test_an_input_that_is_always_missing() -> None:
    x, label = rows()
    x[:, 2] = np.nan
    model = fit("lightgbm", x, np.where(label == 1, 2, label), 3, seed=1, quick=True)
    assert np.isfinite(model.probabilities(x)).all()


def test_a_stacker_weighs() -> None:
    """One member knows, the other guesses: the stacker follows the first."""
    random = np.random.default_rng(1)
    label = random.integers(0, 3, 3_000)
    knows = np.where(np.eye(3)[label] == 1, 0.8, 0.1)
    guesses = random.dirichlet(np.ones(3), 3_000)
    inputs = np.log(np.hstack((knows, guesses))).astype(np.float32)
    stacker = fit_stacker(inputs, label.astype(np.int64), 3)
    assert (stacker.probabilities(inputs).argmax(axis=1) == label).mean() > 0.99
    assert fit_stacker(inputs, np.where(label == 0, 1, label).astype(np.int64), 3).probabilities(inputs).shape[1] == 3


def test_rows_of_the_slower_ones_are_bounded() -> None:
    assert spaced(10).tolist() == list(range(10))
    many = spaced(3 * MOST_ROWS)
    assert (len(many), many[0], many[-1]) == (MOST_ROWS, 0, 3 * MOST_ROWS - 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].takes_nan])
def test_a_threshold_between_neighbours_parts_them(kind: str) -> None:
    """Inputs that take two values, next to each other in float32: the threshold between them is none of float32."""
    random = np.random.default_rng(4)
    low = random.uniform(1, 2, K).astype(np.float32)
    bits = random.integers(0, 2, (N, K))
    x = np.where(bits == 1, np.nextafter(low, np.float32(np.inf)), low)
    label = np.minimum(bits[:, :4].sum(axis=1), 2)
    model = fit(kind, x, label.astype(np.int64), 3, seed=1, quick=True)
    assert exported(kind, model, x, 3)[1] <= 1e-5
