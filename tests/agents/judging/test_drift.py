import msgspec
import numpy as np
import pytest

from agents.judging.drift import Drifting, DriftWatch
from agents.judging.sketch import Sketch
from agents.training.drifting import reference
from streams.columns import F64
from tables.models.manifest import Drift, Input, ModelManifest
from tests.agents.judging.outcomes_of import SECOND, START
from tests.models import version

OUTPUTS = ("a", "b", "session_phase")
SYMBOLS = [f"S{i:03d}" for i in range(200)]


def manifest(*drift: Drift) -> ModelManifest:
    made = version(members=("logistic",), stacker=False).manifest
    return msgspec.structs.replace(made, inputs=(Input("a", "raw"), Input("b", "raw")), drift=drift)


def usual() -> tuple[Drift, ...]:
    rng = np.random.default_rng(0)
    return tuple(reference(name, rng.standard_normal(50_000)) for name in ("a", "b", "probability_up"))


def feed(watch: DriftWatch, values: F64, *, begin_s: float, rate: float = 1_000.0) -> list[tuple[float, Drifting]]:
    """Rows at `rate` a second over all symbols; seconds since `begin_s` and what began to drift."""
    found = []
    rng = np.random.default_rng(7)
    for first in range(0, len(values), 100):
        rows = values[first : first + 100]
        n = len(rows)
        at = np.arange(first, first + n)
        ts = (START + begin_s * SECOND + at * (SECOND / rate)).astype(np.int64)
        symbols = [SYMBOLS[i % len(SYMBOLS)] for i in at.tolist()]
        padded = np.column_stack((rows, np.ones(n)))
        seen = watch.see(symbols, ts.tolist(), padded, np.full(n, 100.0), rng.standard_normal(n))
        found += [(at[-1] / rate, one) for one in seen]
    return found


def test_a_million_rows_of_the_training_s_distribution_do_not_drift() -> None:
    watch = DriftWatch(manifest(*usual()), OUTPUTS, 0.25)
    values = np.random.default_rng(1).standard_normal((1_000_000, 2))
    assert feed(watch, values, begin_s=0.0) == []
    assert set(watch.index) == {"a", "b", "probability_up"}


def test_a_great_shift_is_seen_within_seconds_and_a_small_one_within_minutes() -> None:
    watch = DriftWatch(manifest(*usual()), OUTPUTS, 0.25)
    rng = np.random.default_rng(2)
    assert feed(watch, rng.standard_normal((300_000, 2)), begin_s=0.0) == []
    shifted = rng.standard_normal((60_000, 2)) + np.array([3.0, 0.0])
    found = feed(watch, shifted, begin_s=300.0)
    after, first = found[0]
    assert first.column == "a"
    assert after < 30.0
    assert all(one.column == "a" for _, one in found)
    small = DriftWatch(manifest(*usual()), OUTPUTS, 0.25)
    found = feed(small, rng.standard_normal((600_000, 2)) + np.array([0.0, 0.8]), begin_s=0.0)
    assert [(one.column, one.half_life_s) for _, one in found] == [("b", 1_800.0)]


def test_a_column_speaks_once_until_it_has_come_back() -> None:
    watch = DriftWatch(manifest(*usual()[:1]), OUTPUTS, 0.25)
    rng = np.random.default_rng(3)
    seen = []
    for turn in range(4):
        values = rng.standard_normal((120_000, 2)) + np.array([4.0 * (turn % 2), 0.0])
        seen.append(sum(one.half_life_s == 15.0 for _, one in feed(watch, values, begin_s=120.0 * turn)))
    assert seen == [0, 1, 0, 1]


def test_each_phase_has_its_own_reference() -> None:
    low, high = np.random.default_rng(4).standard_normal((2, 20_000))
    phased = tuple(
        msgspec.structs.replace(reference("a", numbers), phase=phase) for phase, numbers in ((0, low), (1, high + 6.0))
    )
    watch = DriftWatch(manifest(*phased), OUTPUTS, 0.25)
    # feed() says phase 1: what is usual then.
    usual_then = np.random.default_rng(5).standard_normal((60_000, 2)) + 6.0
    assert feed(watch, usual_then, begin_s=0.0) == []
    found = feed(watch, usual_then - 6.0, begin_s=60.0)
    assert {one.phase for _, one in found} == {1}


def test_the_sketch_leaves_missing_numbers_out_and_says_nothing_of_few() -> None:
    sketch = Sketch(usual()[:1], 10.0)
    sketch.add(np.full((1_000, 1), np.nan), 0.0)
    sketch.add(np.zeros((49, 1)), 1.0)
    assert np.isnan(sketch.psi()).all()
    sketch.add(np.zeros((2, 1)), 1.0)
    assert sketch.psi()[0] > 1.0
    assert sketch.samples[0] == pytest.approx(51.0)


def test_a_manifest_without_references_is_not_watched() -> None:
    watch = DriftWatch(manifest(), OUTPUTS, 0.25)
    assert watch.see(["A"], [START], np.zeros((1, 3)), np.ones(1), np.ones(1)) == []
