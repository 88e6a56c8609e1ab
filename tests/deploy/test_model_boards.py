"""The dashboard and the rules on models: valid, and every metric in them exists."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from agents.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BOARD = DEPLOY / "grafana" / "models.json"
RULES = DEPLOY / "prometheus" / "models.yml"


@pytest.mark.parametrize("path", [BOARD, RULES], ids=lambda path: path.name)
def test_every_metric_exists(path: Path) -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    known = {metric.name for metric in registry.collect()}
    named = set(re.findall(r"hayate_[a-z_]+[a-z]", path.read_text(encoding="utf-8")))
    assert named
    assert {name.removesuffix("_total") for name in named} <= known


def test_the_dashboard_is_one() -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])
    used = set(re.findall(r"\$(model|symbol|source)\b", json.dumps(board))) | {"source"}
    assert used == {one["name"] for one in board["templating"]["list"]}
