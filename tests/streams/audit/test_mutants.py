"""Seeded mutants of what is served: each is found within a minute of data, and named."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from streams.audit.finding import Finding
from streams.columns import NO_BARS, Folded
from streams.definitions.exchange_hours import market
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.indicators.catalogue import FAMILIES
from streams.indicators.indicator import Family
from streams.sessions import Sessions
from tests.streams.audit.log import auditing, feature_records, fold, run, tick_records

S = 1_000_000_000
START = 1_764_028_740 * S
"""25 November 2025, 08:59 in Tokyo, a minute before the open."""
MINUTE_NS = 60 * S
TICKS = 4_000
NAMES = ("sma_5", "ema_26", "bbands", "macd", "rsi_14", "stoch_14_3_3", "atr_14@2s", "vwap", "drawdown", "session_time")
"""Bars of two seconds, so that an average over them is warm within a minute."""

MUTANTS = {
    "degrees of freedom": ("bbands", "- total * shift) / period, 0.0)", "- total * shift) / (period - 1), 0.0)"),
    "window off by one": ("sma", "range(RING + 1, RING + period)", "range(RING + 2, RING + period)"),
    "wrong seed": ("ema", "smooth(state[0], count, close, period,", "smooth(state[0], count, close, 1,"),
    "bar before": ("atr", "out[0] = state[0]", "out[0] = earlier"),
    "wilder for ema": ("macd", "2.0 / (slow + 1)", "1.0 / slow"),
    "another divisor": (
        "stoch",
        "SLOW, count - k + 1, fast, s) / s",
        "SLOW, count - k + 1, fast, s) / (s + 1)",
    ),
}
"""Family, what its source says, and what the mutant says."""
KINDS = {"degrees of freedom": "scale", "wrong seed": "seed", "bar before": "lag", "another divisor": "scale"}
"""What the audit must call them; others are a `definition`."""


def feature_set() -> FeatureSet:
    return FeatureSet.of("mutants", *NAMES, sessions={"calendar": "XTKS"}, publish_bars=False)


@cache
def ticks() -> list:  # type: ignore[type-arg]
    return tick_records(islice(simulate(2, TICKS / 90, seed=5, start_ns=START), TICKS))


def mutated(family: Family, old: str, new: str, folder: Path) -> Family:
    """The family with a step compiled from its source as patched, in a module of its own."""
    source = inspect.getsource(sys.modules[family.step.__module__])
    assert source.count(old) >= 1
    patched = source.replace(old, new)
    if "earlier" in new:
        patched = patched.replace("    state[0] = smooth(", "    earlier = state[0]\n    state[0] = smooth(")
    name = f"mutant_{family.name}_{abs(hash(new)) % 10_000}"
    path = folder / f"{name}.py"
    path.write_text(patched, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return replace(family, step=module.step)


def served(of: FeatureSet, folder: Path, sessions: Sessions | None = None) -> list[Finding]:
    """What the audit of the right set finds in what `of` computes."""
    engine = RealTimeFeatureEngine(of, cache_dir=folder)
    if sessions is not None:
        engine.sessions = sessions
    right = feature_set()
    assert of.version == right.version, "a mutant does not say that it is one"
    folded = fold(engine, ticks())
    audit = auditing(right, ["SIM001", "SIM002"], market("XTKS"))
    return run(audit, ticks(), feature_records(of, ticks(), folded))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mutants")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def test_without_a_mutant_nothing_is_found(folder: Path) -> None:
    assert served(feature_set(), folder) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutated_step_is_found_within_a_minute(name: str, folder: Path) -> None:
    family, old, new = MUTANTS[name]
    mutant = mutated(FAMILIES[family], old, new, folder)
    right = feature_set()
    indicators = tuple(replace(i, family=mutant) if i.family.name == family else i for i in right.indicators)
    found = served(replace(right, indicators=indicators), folder)
    first = min(found, key=lambda finding: finding.ts_ns)
    kinds = {finding.kind for finding in found}
    outputs = {output for finding in found for output in finding.numbers}
    assert KINDS.get(name, "definition") in kinds, found
    assert outputs <= {o for i in right.indicators if i.family.name == family for o in i.outputs}
    assert first.ts_ns < START + MINUTE_NS
    assert str(next(iter(first.numbers.values()))["served"]) in first.message


@pytest.mark.parametrize("hours", [1, -9, 9])
def test_sessions_in_the_wrong_zone_are_found_and_named(hours: int, folder: Path) -> None:
    right = Sessions.load("XTKS")
    segments = right.segments.copy()
    segments[:, :3] += hours * 3_600 * S
    found = served(feature_set(), folder, replace(right, segments=segments))
    zone = [finding for finding in found if finding.kind == "zone"]
    assert zone, found
    assert min(finding.ts_ns for finding in zone) < START + 2 * MINUTE_NS
    assert {output for finding in zone for output in finding.numbers} >= {"session_phase"}
    assert ZoneInfo("Asia/Tokyo").key == "Asia/Tokyo"


def test_values_of_the_bar_before_in_flight_are_found(folder: Path) -> None:
    """Not the step but what serves it: the outputs on bars come one bar late."""
    right = feature_set()
    folded = fold(RealTimeFeatureEngine(right, cache_dir=folder), ticks())
    j = right.outputs.index("atr_14@2s")
    values = folded.values.copy()
    for symbol in (b"SIM001", b"SIM002"):
        last, before = np.nan, np.nan
        for i, tick in enumerate(ticks()):
            if tick.key == symbol and not np.isnan(folded.values[i, j]):
                if folded.values[i, j] != last:
                    last, before = folded.values[i, j], last
                values[i, j] = folded.values[i, j] if np.isnan(before) else before
    late = Folded(values, folded.flags, folded.price, folded.verdict, NO_BARS)
    audit = auditing(right, ["SIM001", "SIM002"], market("XTKS"))
    found = run(audit, ticks(), feature_records(right, ticks(), late))
    assert {finding.kind for finding in found} == {"lag"}
    assert min(finding.ts_ns for finding in found) < START + MINUTE_NS


def test_another_version_and_another_order_are_found(folder: Path) -> None:
    right = feature_set()
    other = FeatureSet.of("other", *reversed(NAMES), sessions={"calendar": "XTKS"}, publish_bars=False)
    folded = fold(RealTimeFeatureEngine(other, cache_dir=folder), ticks()[:400])
    audit = auditing(right, ["SIM001"], market("XTKS"))
    found = run(audit, ticks()[:400], feature_records(other, ticks()[:400], folded))
    assert {finding.kind for finding in found} == {"version"}
    assert {output for finding in found for output in finding.numbers} == {"schema", "outputs"}
