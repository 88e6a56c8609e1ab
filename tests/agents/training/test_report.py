"""The page: it holds what the report says, escapes what it did not write itself, and fetches nothing."""

import builtins
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.training.evaluation import Evaluated, evaluate, with_leaks
from agents.training.figures import Importance, LeakFinding, Report
from agents.training.report import report_page, write_report
from streams.errors import ConfigError
from tables.models.manifest import (
    Calibration,
    FeatureSetUsed,
    Input,
    Label,
    ModelManifest,
    Part,
    Tier,
    named,
)
from tests.agents.training.judged_market import answers, baselines

NASTY = '<script>alert("&")</script>'
EMPTY = {"meta", "br"}


class Page(HTMLParser):
    """Elements that are open, texts, and everything that could fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset", "action") and not (value or "").startswith("#"):
                self.fetched.append(f"{name}={value}")


def manifest(label: Label | None = None) -> ModelManifest:
    return named(
        ModelManifest(
            name="made",
            feature_set=FeatureSetUsed("default", "0123456789ab", ("seen", "noise")),
            inputs=(Input("seen", "raw"), Input("noise", "raw")),
            label=label or Label("direction", 20_000, 2.0),
            classes=("down", "flat", "up"),
            members=(),
            stacker=None,
            weights={},
            calibration=Calibration(),
            tier=Tier(0.93, 0.8),
            act_above=0.2,
            move_bps=3.0,
            data={"hash": "a" * 64, "ticks": 1_234_567, "symbols": ["A", NASTY]},
            splits=(Part("test", 0, 10**18, 6_000),),
            libraries={"lightgbm": "4.6.0"},
        )
    )


def judged(evaluated: Evaluated | None = None) -> Report:
    e = answers(symbols=("A", NASTY, "$price")) if evaluated is None else evaluated
    members = {NASTY: e.classes, "idle": e.members["idle"]}
    e = Evaluated(**{**vars(e), "members": members})
    found = evaluate(
        e,
        baselines=baselines(e),
        threshold=0.8,
        cost_bps=0.5,
        replicates=100,
        importances=[Importance((NASTY, "twin"), 0.2, 0.1, 0.3), Importance(("$2",), 0.1, 0.0, 0.2)],
    )
    return with_leaks(found, [LeakFinding("future ticks", None, NASTY), LeakFinding("shuffled labels", True, "fine")])


def test_the_page_is_whole_escaped_and_fetches_nothing() -> None:
    report = judged()
    page = report_page(manifest(), report)
    found = Page(page)
    assert found.open == []
    assert "script" not in found.tags
    assert found.text.count(NASTY) >= 5  # a symbol, a member, an input, a finding, the data
    assert found.fetched == []
    assert "url(#" in page
    assert not re.findall(r"url\((?!#)|@import", page)
    assert found.tags.count("svg") == 6
    for words in report.words:
        assert words in found.text
    assert len(set(found.ids)) == len(found.ids)
    for used in re.findall(r'(?:url\(#|href="#)([^)"]+)', page):
        assert used in found.ids
    assert "2,000 rows" not in found.text
    assert "1,234,567" in found.text
    assert "$price" in found.text


def test_plots_take_their_colours_from_the_page() -> None:
    page = report_page(manifest(), judged())
    assert not re.findall(r"#01020[3-7]", page)
    for variable in ("--ink", "--faint", "--line", "--mark", "--other"):
        assert f"var({variable})" in page
        assert page.count(f"{variable}:") == 2  # light and dark


def test_both_files_are_written_and_the_same_twice(tmp_path: Path) -> None:
    report = judged()
    write_report(tmp_path, manifest(), report)
    first = (tmp_path / "report.html").read_bytes()
    assert msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report) == report
    write_report(tmp_path, manifest(), report)
    assert (tmp_path / "report.html").read_bytes() == first


def test_what_there_is_none_of_is_told() -> None:
    e = answers(n=150, signal=0.0)
    e = Evaluated(**{**vars(e), "high": e.label > 5})
    report = evaluate(e, baselines=baselines(e), threshold=None, replicates=50)
    found = Page(report_page(manifest(), report))
    assert "Too few rows to judge" in found.text
    assert "none reached the target" in found.text
    assert "Not run: they run by themselves" in found.text
    assert "Importance of inputs" not in found.text


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (Label("direction", 500, 0.5), "direction of the mid over 0.5 s, dead band 0.5 bps"),
        (Label("barrier", 600_000, take_bps=5.0, stop_bps=3.0), "over 10 min, take 5 bps, stop 3 bps"),
        (Label("volatility", 14_400_000, price="last"), "volatility of the last over 4 h"),
    ],
)
def test_the_label_is_told(label: Label, told: str) -> None:
    e = answers(n=400)
    report = evaluate(e, baselines=baselines(e), threshold=0.8, replicates=50)
    assert told in Page(report_page(manifest(label), report)).text


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report, real = judged(), builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"pip install '\.\[train\]'"):
        write_report(tmp_path, manifest(), report)
    assert list(tmp_path.iterdir()) == []
