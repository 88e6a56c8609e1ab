"""The generated kernel: its cache on disk, and what happens where there can be none."""

import importlib
import logging
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.bars import interval
from streams.codegen.module import source_of
from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.kernel import Kernel, default_cache_dir, load


def forget_kernels() -> None:
    """As in a new process: the next load goes to the disk."""
    for name in [name for name in sys.modules if name.startswith("hayate_kernel_")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> None:
    forget_kernels()


def cache_hits(kernel: Kernel) -> tuple[int, int]:
    """numba's count of what it loaded and what it compiled."""
    stats: Any = getattr(kernel, "stats")  # noqa: B009 - numba's attribute, unknown to the type of a kernel
    return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())


def test_the_second_process_loads_what_the_first_compiled(tmp_path: Path) -> None:
    feature_set = FeatureSet.of("small", "sma_3")
    folder = tmp_path / "not" / "there" / "yet"
    assert cache_hits(load(feature_set, folder)) == (0, 1)
    files = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    forget_kernels()
    assert cache_hits(load(feature_set, folder)) == (1, 0)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()} == files


def test_a_second_load_in_one_process_is_the_same_kernel(tmp_path: Path) -> None:
    feature_set = FeatureSet.of("small", "sma_3")
    assert load(feature_set, tmp_path) is load(FeatureSet.of("again", "sma_3"), tmp_path)


def test_a_module_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    feature_set = FeatureSet.of("small", "sma_3")
    load(feature_set, tmp_path)
    (module,) = tmp_path.glob("*.py")
    module.write_text(module.read_text(encoding="utf-8")[:500], encoding="utf-8")
    forget_kernels()
    load(feature_set, tmp_path)
    assert module.read_text(encoding="utf-8") == source_of(feature_set)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_folder_that_cannot_be_written_costs_only_the_compilation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        kernel = load(FeatureSet.of("small", "sma_3"), blocked / "kernels")
    assert cache_hits(kernel) == (0, 1)
    (record,) = caplog.records
    assert str(blocked / "kernels") in record.getMessage()
    assert "give a writable folder" in record.getMessage()


def test_without_a_home_folder_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with caplog.at_level(logging.WARNING):
        assert cache_hits(load(FeatureSet.of("small", "sma_3"))) == (0, 1)
    assert "Could not determine home directory" in caplog.text


def test_without_any_folder_the_error_says_what_to_make_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(blocked))
    with pytest.raises(ConfigError, match=r"kernel of feature set small: no folder to compile it in.*TMPDIR"):
        load(FeatureSet.of("small", "sma_3"), blocked / "kernels")


def test_a_module_that_fails_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kernel.source_of", lambda _: "raise ValueError('broken')")
    with pytest.raises(ValueError, match="broken"):
        load(FeatureSet.of("small", "sma_3"), tmp_path)
    assert not [name for name in sys.modules if name.startswith("hayate_kernel_")]


def test_the_default_folder_is_in_the_home_folder() -> None:
    assert default_cache_dir() == Path.home() / ".cache" / "hayate" / "kernels"


def test_the_source_names_every_indicator_with_its_slots_and_parameters() -> None:
    feature_set = FeatureSet.of("small", "sma_3", "bbands_10_1.5@1m")
    source = source_of(feature_set)
    sma, bands = feature_set.slots
    assert f"step_sma(row[{sma.start + 3}:{sma.stop}], row[{sma.start + 2}:{sma.start + 3}], " in source
    assert f"step_bbands(row[{bands.start + 7}:{bands.stop}], row[{bands.start + 2}:{bands.start + 7}], " in source
    assert ", 10, 1.5)" in source
    assert "fastmath" not in source
    assert re.search(r"^from streams\.indicators\.sma import step as step_sma$", source, re.MULTILINE)


def test_a_family_that_asks_for_what_its_event_has_not_is_refused() -> None:
    (indicator,) = FeatureSet.of("small", "sma_3").indicators
    for family, event in (
        (replace(indicator.family, inputs=("bid",)), "a trade"),
        (replace(indicator.family, inputs=("rule",), on="tick"), "a tick"),
    ):
        with pytest.raises(ValueError, match=f"sma_3: a step on {event} has no '{family.inputs[0]}'; see Input"):
            source_of(FeatureSet("small", (replace(indicator, family=family),)))
    on_bars = replace(indicator, family=replace(indicator.family, inputs=("sign",)), interval=interval("1m"))
    with pytest.raises(ValueError, match="a step on bars of 1m has no 'sign'"):
        source_of(FeatureSet("small", (on_bars,)))


DOUBLED = """
from streams.indicators.indicator import Family, compiled

@compiled
def step(state, out, close):
    out[0] = {factor} * close

DOUBLED = Family(
    name="doubled", outputs=("doubled",), parameters=(), short=True, inputs=("close",),
    state_size=lambda: 0, warmup=lambda: (1,), step=step, group="trend",
)
"""


def test_an_indicator_of_ones_own_is_one_file_and_a_change_in_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def doubled(factor: float) -> F64:
        (tmp_path / "doubled_indicator.py").write_text(DOUBLED.format(factor=factor), encoding="utf-8")
        importlib.invalidate_caches()
        sys.modules.pop("doubled_indicator", None)
        family = importlib.import_module("doubled_indicator").DOUBLED
        forget_kernels()
        engine = RealTimeFeatureEngine(FeatureSet("mine", (family.indicator(),)), cache_dir=tmp_path / "kernels")
        return engine.run([1.0, 1.5]).values

    assert np.array_equal(doubled(2.0), [[2.0], [3.0]])
    assert np.array_equal(doubled(4.0), [[4.0], [6.0]])
