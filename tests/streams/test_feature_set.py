"""Feature sets: the file, its errors, the layout and its hash."""

from dataclasses import replace
from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.layout import BAR, COMMON


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


CLASSICS = [
    "sma_5",
    "sma_20",
    "sma_50",
    "ema_12",
    "ema_26",
    "rsi_14",
    "macd",
    "macd_signal",
    "macd_hist",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "bb_percent_b",
    "bb_bandwidth",
]


def test_the_default_set() -> None:
    feature_set = FeatureSet.load("default")
    assert feature_set.name == "default"
    assert list(feature_set.outputs[:14]) == CLASSICS
    assert len(feature_set.outputs) >= 60
    assert list(feature_set.history) == CLASSICS
    assert feature_set.warmup[:14] == (5, 20, 50, 12, 26, 15, 34, 34, 34, 20, 20, 20, 20, 20)


def test_the_classics() -> None:
    assert list(FeatureSet.load("classics").outputs) == CLASSICS


@pytest.mark.parametrize(
    ("name", "version", "layout", "width"),
    [
        ("default", "050c979f35f3", 0x050C979F35F3_0000, 1_748),
        ("classics", "120746b71915", 0x120746B71915_0000, 227),
    ],
)
def test_the_version_of_a_shipped_set_does_not_change_by_accident(
    name: str, version: str, layout: int, width: int
) -> None:
    # Another value here makes every stored row of the set unusable: right only where its meaning has changed.
    feature_set = FeatureSet.load(name)
    assert (feature_set.version, feature_set.layout_hash >> 16 << 16, feature_set.width) == (version, layout, width)


def test_a_set_is_read_from_a_path(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "mine"\nindicators = ["sma_3", "bbands_10_1.5"]\n')
    for source in (path, str(path)):
        feature_set = FeatureSet.load(source)
        assert feature_set == FeatureSet.of("mine", "sma_3", "bbands_10_1.5")
        assert feature_set.outputs[0] == "sma_3"


def test_the_slots_of_a_row_lie_side_by_side() -> None:
    feature_set = FeatureSet.of("mine", "sma_3", "ema_4", "macd")
    sizes = [indicator.state_size for indicator in feature_set.indicators]
    outputs = [len(indicator.outputs) for indicator in feature_set.indicators]
    at = COMMON
    for slots, k, size in zip(feature_set.slots, outputs, sizes, strict=True):
        assert (slots.start, slots.stop) == (at, at + 2 + k + size)
        at = slots.stop
    assert feature_set.width == at
    more = FeatureSet.of(
        "mine",
        "sma_3",
        "ema_4",
        "macd",
        bars=["1m", "5t"],
        references={"a": "A", "b": "B"},
        derived={"up": {"kind": "cross", "of": ["sma_3", 1]}, "on": {"kind": "agreement", "of": [["sma_3", 1]]}},
    )
    assert more.layout.references == COMMON
    assert more.layout.bars == (COMMON + 2, COMMON + 2 + BAR)
    assert more.layout.derived == COMMON + 2 + 2 * BAR
    assert [slots.start - 2 - 2 * BAR - 1 for slots in more.slots] == [slots.start for slots in feature_set.slots]


def test_the_version_follows_the_meaning_and_not_the_name() -> None:
    base = FeatureSet.of("mine", "sma_3", "macd")
    assert len(base.version) == 12
    assert 0 <= base.layout_hash < 2**64
    assert f"{base.layout_hash:016x}"[:12] == base.version
    same = [FeatureSet.of("other", "sma_3", "macd"), FeatureSet.of("mine", "sma_3", "macd_12_26_9")]
    assert {s.version for s in same} == {base.version}
    others = [("macd", "sma_3"), ("sma_4", "macd"), ("ema_3", "macd"), ("sma_3",), ("sma_3", "macd_12_26_8")]
    versions = {base.version} | {FeatureSet.of("mine", *names).version for names in others}
    assert len(versions) == len(others) + 1


def test_a_new_revision_of_an_indicator_is_another_version() -> None:
    (indicator,) = FeatureSet.of("mine", "sma_3").indicators
    revised = replace(indicator, family=replace(indicator.family, revision=indicator.family.revision + 1))
    assert FeatureSet("mine", (revised,)).version != FeatureSet("mine", (indicator,)).version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "mine"', "no key 'indicators'; see streams/feature_sets/default.toml"),
        ('indicators = ["sma_3"]', "no key 'name'"),
        ('name = "mine"\nindicator = ["sma_3"]', "unknown key 'indicator'; did you mean 'indicators'?"),
        ('name = "mine"\nindicators = ["sma_3"]\nzzz = 1', "unknown key 'zzz'; remove it"),
        ('name = "My Set"\nindicators = ["sma_3"]', "name = 'My Set': write 1 to 32 of a-z 0-9 _ -"),
        ('name = 3\nindicators = ["sma_3"]', "name = 3: write"),
        ('name = "mine"\nindicators = []', "indicators is empty: name at least one"),
        ('name = "mine"\nindicators = "sma_3"', "indicators = 'sma_3': write a list of names"),
        ('name = "mine"\nindicators = ["sma_3", 5]', "indicators = ['sma_3', 5]: write a list of names"),
        ('name = "mine"\nindicators = ["smaa_3"]', "indicators: 'smaa_3' is no indicator; did you mean 'sma_20'"),
        ('name = "mine"\nindicators = ["sma_3", "sma_3"]', "indicators: 'sma_3' is there already; remove one"),
        ('name = "mine"\nindicators = ["macd", "macd_12_26_9"]', "'macd_12_26_9' is there already (as 'macd'); remove"),
        ("name = ", "not TOML"),
    ],
)
def test_a_faulty_file_is_refused_naming_file_key_value_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        FeatureSet.load(path)
    assert str(error.value).startswith(f"feature set {path}: ")
    assert said in str(error.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="not TOML"):
        FeatureSet.load(path)


def test_a_missing_file_or_name_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file or directory; name a readable TOML file"):
        FeatureSet.load(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="feature set 'defualt' does not exist; did you mean 'default'"):
        FeatureSet.load("defualt")
    with pytest.raises(ConfigError, match=r"feature set 'zzz' does not exist; there are .*default.*path of a file"):
        FeatureSet.load("zzz")
