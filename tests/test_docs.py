"""Documentation is under test: what the README and docs name exists, and what exists is named there."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from agents.api.observed import ApiMetrics
from agents.audit.metrics import AuditMetrics
from agents.feed_metrics import FeedMetrics
from agents.metrics import Metrics
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.feeds.feed_counts import FeedCounts
from streams.feeds.live_queue import LiveQueue
from streams.feeds.producer import TickProducer
from streams.indicators import catalogue
from streams.kafka import topics
from streams.settings import OTHER_VARIABLES, PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted(path for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")) if path.exists())
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCS}
ALL = "\n".join(TEXTS.values())
COMPLETE = [ALL] if "README.md" in TEXTS else []
"""What is checked for completeness: everything together, once there is a README."""

SETTINGS = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
SUFFIXES = r"_(?:total|created|bucket|count|sum)$"


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """All commands of `faust -A app`, and those that are ours."""

    def listed(*arguments: str) -> set[str]:
        shown = subprocess.run(
            [sys.executable, "-m", "faust", *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        return set(re.findall(r"^  ([a-z][a-z-]+)  ", shown.partition("Commands:")[2], re.MULTILINE))

    everything = listed("-A", "app")
    return {"all": everything, "ours": everything - listed()}


def metrics() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry)
    AuditMetrics(registry)
    ApiMetrics(registry)
    FeedMetrics(registry, FeedCounts("venue"), LiveQueue(), lambda: TickProducer("kafka://127.0.0.1:1", "ticks"))
    return {metric.name for metric in registry.collect() if metric.name.startswith("hayate_")}


def code(text: str) -> str:
    """Only what is set as code: fenced blocks and inline spans."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return "\n".join([*fenced, *inline])


@pytest.mark.parametrize("name", TEXTS)
def test_settings_named_exist(name: str) -> None:
    assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", TEXTS[name])) <= SETTINGS | OTHER_VARIABLES


@pytest.mark.parametrize("name", TEXTS)
def test_make_targets_named_exist(name: str) -> None:
    assert set(re.findall(r"^(?:\$ )?make ([a-z-]+)", code(TEXTS[name]), re.MULTILINE)) <= TARGETS


@pytest.mark.parametrize("name", TEXTS)
def test_commands_named_exist(name: str, commands: dict[str, set[str]]) -> None:
    assert set(re.findall(r"faust -A app ([a-z][a-z-]*)", TEXTS[name])) <= commands["all"]


@pytest.mark.parametrize("name", TEXTS)
def test_modules_named_exist(name: str) -> None:
    named = set(re.findall(r"python3? -m ((?:deploy|tests|streams|tables|agents)[\w.]*)", TEXTS[name]))
    assert [module for module in sorted(named) if find_spec(module) is None] == []


@pytest.mark.parametrize("name", TEXTS)
def test_metrics_named_exist(name: str) -> None:
    named = {re.sub(SUFFIXES, "", word) for word in re.findall(r"\bhayate_[a-z_]+[a-z]", TEXTS[name])}
    assert named <= {re.sub(SUFFIXES, "", metric) for metric in metrics()}


# The catalogue is made from the docstrings, which write parameters as letters: `sma_n`.
@pytest.mark.parametrize("name", [name for name in TEXTS if name != "docs/catalogue.md"])
def test_indicators_named_exist(name: str) -> None:
    unknown = []
    outputs = set(FeatureSet.load("default").outputs)
    for word in re.findall(r"\b(?:sma|ema|rsi|macd|bbands|bb)_[a-z0-9_.]*[a-z0-9]", code(TEXTS[name])):
        if word not in outputs:
            try:
                catalogue.parse(word)
            except ConfigError:
                unknown.append(word)
    assert unknown == []


@pytest.mark.parametrize("name", TEXTS)
def test_links_to_files_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", TEXTS[name])
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_setting_is_named(text: str) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert {name for name in SETTINGS if name not in text and name not in example} == set()


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_make_target_is_named(text: str) -> None:
    assert {target for target in TARGETS if not re.search(rf"\bmake {target}\b", text)} == set()


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_command_is_named(text: str, commands: dict[str, set[str]]) -> None:
    assert {name for name in commands["ours"] if f"faust -A app {name}" not in text} == set()


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_metric_is_named(text: str) -> None:
    assert {metric for metric in metrics() if metric not in text} == set()


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_topic_is_named(text: str) -> None:
    names = {topics.TICKS, topics.REJECTED, topics.FEATURES, topics.SIGNALS, topics.ALERTS}
    names |= {topics.SIGNALS_SHADOW, topics.MODELS}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("text", COMPLETE, ids=["docs"])
def test_every_feature_of_the_default_set_is_named(text: str) -> None:
    assert {name for name in FeatureSet.load("default").outputs if name not in text} == set()


def test_our_commands_are_found(commands: dict[str, set[str]]) -> None:
    assert {"topics", "replay", "simulate"} <= commands["ours"] <= commands["all"]
