"""`faust -A app train`: what its options may say, and a version from a file and from the topic."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agents.decision.version import ModelVersion
from agents.training.folding import Sampling
from agents.training_commands import TrainCommand, label_of, sampling_of
from deploy.local import Endpoints
from streams.errors import ConfigError, RetryError, TopicError
from streams.export.labels import LabelSpec
from streams.feature_set import FeatureSet
from streams.feeds.producer import TickProducer
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.topics import TICKS, ensure, specs
from streams.settings import Settings
from tests.agents.training.market import market, write

pytest.importorskip("lightgbm")

FEATURES = 'name = "small"\nindicators = ["queue_imbalance", "ret_1", "ret_10", "rsi_14", "spread", "mid"]\n'
DEFAULTS: dict[str, Any] = {
    "name": "test", "registry": "", "label": "direction", "horizon": "100ms", "dead_band_bps": "", "take_bps": "",
    "stop_bps": "", "price": "mid", "start": "", "end": "", "symbols": "", "every": 1, "on_change": False,
    "max_rows": 300_000, "members": "lightgbm,logistic", "folds": 2, "embargo": "", "target_precision": 0.93, "seed": 1,
    "quick": True, "check_leaks": False, "symbol": None, "columns": None, "mapping": None, "date": None, "zone": None,
    "limit": None, "skip_bad": False,
}  # fmt: skip


def settings(folder: Path, **more: Any) -> Settings:
    (folder / "small.toml").write_text(FEATURES)
    return Settings(feature_set=str(folder / "small.toml"), model_registry=str(folder / "registry"), **more)


def command(chosen: Settings, **options: Any) -> TrainCommand:
    return TrainCommand(chosen, DEFAULTS | options, asyncio.Event())


async def test_a_file_becomes_a_version(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    file = write(tmp_path / "ticks.jsonl", market(2_500, planted=True))
    told = await command(chosen).run((file,))
    assert "ticks      5,000" in told
    assert "2 symbols" in told
    (folder,) = (tmp_path / "registry" / "test").iterdir()
    assert f"written to {folder}" in told
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json", "members", "stacker.onnx", "report.html", "report.json",
    }  # fmt: skip
    version = ModelVersion.from_folder(folder, FeatureSet.load(chosen.feature_set))
    assert version.model == f"test@{folder.name}"
    again = await command(chosen).run((file,))
    assert "it was there already" in again
    other = await command(chosen, registry=str(tmp_path / "other"), limit=3_000).run((file,))
    assert str(tmp_path / "other") in other


async def test_the_topic_becomes_a_version(tmp_path: Path, services: Endpoints, topic_prefix: str) -> None:
    chosen = settings(tmp_path, kafka_url=services.kafka_url, topic_prefix=topic_prefix, partitions=2)
    with pytest.raises(TopicError, match=r"missing on .*`faust -A app topics`"):
        await command(chosen).run(())
    access = KafkaAccess.of(chosen)
    async with connected_admin(access) as admin:
        await ensure(admin, [spec for spec in specs(chosen) if spec.name == chosen.topic(TICKS)])
    ticks = market(1_500, planted=True)
    async with TickProducer(access, chosen.topic(TICKS)) as producer:
        await producer.send_many(ticks)
    told = await command(chosen, symbols="AAA").run(())
    assert "ticks      " in told
    assert "rows of 1 symbols" in told
    everything = await command(chosen, name="both").run(())
    assert "ticks      3,000" in everything
    file = write(tmp_path / "ticks.jsonl", ticks)
    assert "it was there already" in await command(chosen, name="both").run((file,)), "files and topic fold alike"
    part = await command(chosen, name="part", start="2023-11-14T22:14:10Z").run(())
    assert "outside of --from and --to" in part


async def test_it_ends_when_told(tmp_path: Path) -> None:
    one = command(settings(tmp_path))
    one.stop.set()
    with pytest.raises(RetryError, match="stopped and has written nothing"):
        await one.run((write(tmp_path / "ticks.jsonl", market(100, planted=True)),))


async def test_a_limit_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--limit 0"):
        await command(settings(tmp_path), limit=0).run((tmp_path / "ticks.jsonl",))


def test_what_is_labelled() -> None:
    assert label_of(DEFAULTS | {"dead_band_bps": "1.5"}) == LabelSpec(10**8, 1.5)
    barrier = label_of(DEFAULTS | {"label": "barrier", "take_bps": "3", "stop_bps": "2", "price": "last"})
    assert (barrier.take_bps, barrier.stop_bps, barrier.price) == (3.0, 2.0, "last")
    assert label_of(DEFAULTS | {"label": "volatility"}).volatility


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"label": "colour"}, "--label colour"),
        ({"take_bps": "1"}, "--take-bps: does not belong to --label direction"),
        ({"label": "barrier", "take_bps": "1"}, "give --take-bps and --stop-bps"),
        ({"label": "volatility", "dead_band_bps": "1"}, "--dead-band-bps: does not belong"),
        ({"horizon": "soon"}, "horizon=soon"),
    ],
)
def test_what_may_not_be_labelled(given: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        label_of(DEFAULTS | given)


def test_what_is_sampled() -> None:
    options = {"every": 3, "on_change": True, "max_rows": 50_000, "quick": False}
    assert sampling_of(options) == Sampling(3, on_change=True, max_rows=50_000)
    assert sampling_of(options | {"quick": True}).max_rows == 20_000
    with pytest.raises(ConfigError, match="--every 0"):
        sampling_of(options | {"every": 0})
    with pytest.raises(ConfigError, match="--max-rows 0"):
        sampling_of(options | {"max_rows": 0})
