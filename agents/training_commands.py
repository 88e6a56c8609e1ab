"""`faust -A app train`: from ticks to a version of the ensemble in the registry."""

import asyncio
import sys
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import faust
from faust.cli import argument, option

from agents.commands import OneShot
from agents.replay_commands import mapping_of
from agents.training.dataset import dataset_of
from agents.training.folding import Fold, Sampling
from agents.training.leak_checks import leak_check
from agents.training.members import KINDS
from agents.training.options import Training
from agents.training.progress import Steps
from agents.training.saving import save
from agents.training.summary import summary
from agents.training.ticks import TickTopic, ticks_of_files
from agents.training.train import Trained, steps, train
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError, TopicError
from streams.export.labels import LabelSpec, parse_labels
from streams.export.selection import FIRST_NS, LAST_NS, Selection, parse_symbols, parse_time
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import TICKS, check, specs
from streams.quality.file import load_filters
from streams.settings import Settings
from tables.models.setup import registry_for

NS_PER_MS: Final = 1_000_000
QUICK_ROWS: Final = 20_000


def add_training_command(app: faust.App, settings: Settings) -> None:
    """Register `train` with Faust's command line."""

    @app.command(
        option("--name", required=True, help="of the model: lower case, digits, - and _"),
        option("--registry", default="", help="folder or s3://bucket/prefix; default: HAYATE_MODEL_REGISTRY"),
        option("--label", default="direction", show_default=True, help="direction, barrier or volatility"),
        option("--horizon", default="10s", show_default=True, help="how far a label looks: 500ms, 10s, 5m"),
        option("--dead-band-bps", default="", help="moves up to this count as flat (direction); default: 0"),
        option("--take-bps", default="", help="upper barrier"),
        option("--stop-bps", default="", help="lower barrier"),
        option("--price", default="mid", show_default=True, help="labels of the mid, or of the last price"),
        option("--from", "start", default="", help="first event time of rows, from the `ticks` topic"),
        option("--to", "end", default="", help="event time to end before"),
        option("--symbols", default="", help="only these, separated by commas"),
        option("--every", default=1, show_default=True, help="of a symbol every so many-th record is a row"),
        option("--on-change", is_flag=True, help="only records whose mid or last price changed"),
        option("--max-rows", default=300_000, show_default=True, help="thin out evenly beyond so many"),
        option("--members", default=",".join(KINDS), show_default=True, help="separated by commas"),
        option("--folds", default=4, show_default=True, help="steps of the walk-forward"),
        option("--embargo", default="", help="hole behind what is learnt from: 30s; default: the horizon"),
        option("--target-precision", default=0.93, show_default=True, help="of the high-confidence tier"),
        option("--seed", default=1, show_default=True, help="the same seed gives the same version"),
        option("--quick", is_flag=True, help="smaller members, at most 20,000 rows: seconds"),
        option("--check-leaks", is_flag=True, help="look for leaks also where nothing is suspicious"),
        option("--symbol", default=None, help="symbol of files that name none"),
        option("--columns", default=None, help="columns with other names: price=Price,ts=Time"),
        option("--mapping", default=None, type=Path, help="TOML file of columns, times, sides, constants"),
        option("--date", default=None, help="day of times without one: 2025-03-17"),
        option("--zone", default=None, help="time zone of times without one: Asia/Tokyo"),
        option("--limit", default=None, type=int, help="end after so many ticks"),
        option("--skip-bad", is_flag=True, help="count bad lines instead of ending at the first"),
        argument("files", nargs=-1, type=Path),
        base=OneShot,
    )
    async def train(self: OneShot, files: tuple[Path, ...], **options: Any) -> str:
        """Train the ensemble on the ticks of FILES (as `replay` reads them), or of the `ticks` topic.

        Writes a version (ONNX, manifest, report) to the registry and says what it is worth.
        """
        return await TrainCommand(settings, options, self.stop).run(files)


class TrainCommand:
    """One run; `stop` ends it."""

    def __init__(self, settings: Settings, options: dict[str, Any], stop: asyncio.Event) -> None:
        """Read the options.

        Raises:
            ConfigError: naming the one that cannot be.
        """
        self._settings, self._options, self.stop = settings, options, stop
        self._feature_set = FeatureSet.load(settings.feature_set)
        self._label = label_of(options)
        self._sampling = sampling_of(options)
        self._asked = Training(
            options["name"],
            self._label,
            tuple(part.strip() for part in options["members"].split(",") if part.strip()),
            options["folds"],
            parse_labels(f"horizon={options['embargo']}").horizon_ns if options["embargo"] else None,
            options["target_precision"],
            options["seed"],
            options["quick"],
            str(self._sampling),
            options["check_leaks"],
        )
        self._selection = Selection(
            parse_time("--from", options["start"]) if options["start"] else FIRST_NS,
            parse_time("--to", options["end"]) if options["end"] else LAST_NS,
            None,
            parse_symbols(options["symbols"]),
        )
        chosen = {"model_registry": options["registry"]} if options["registry"] else {}
        self._registry = registry_for(settings.model_copy(update=chosen))

    async def run(self, files: tuple[Path, ...]) -> str:
        """Read the ticks, train, save; returns what to print.

        Raises:
            HayateError: an option, a file, the data or the registry will not do; nothing was written.
        """
        filters = load_filters(self._settings.filters)
        engine = RealTimeFeatureEngine(
            self._feature_set,
            lateness_ns=self._settings.lateness_ms * NS_PER_MS,
            fold_late=self._settings.late == "fold",
            filters=filters,
        )
        fold = Fold(engine, self._sampling, symbols=self._selection.symbols)
        with Steps(sys.stderr, self.stop) as progress:
            if files:
                await asyncio.to_thread(self._from_files, files, fold, progress)
            else:
                await self._from_topic(fold, progress)
            return await asyncio.to_thread(self._train, fold, engine, progress)

    def _from_files(self, files: Iterable[Path], fold: Fold, progress: Steps) -> None:
        taken = ("symbol", "limit", "skip_bad")
        options = {name: self._options[name] for name in ("mapping", "columns", "date", "zone")}
        if (limit := self._options["limit"]) is not None and limit < 1:
            raise ConfigError(f"--limit {limit}: give 1 or more")
        progress.begin("ticks", None)
        for decoded in ticks_of_files(
            [*files],
            filters=load_filters(self._settings.filters),
            references=self._feature_set.references,
            mapping=mapping_of(options),
            **{name: self._options[name] for name in taken},
        ):
            fold.take(decoded, progress.advance)

    async def _from_topic(self, fold: Fold, progress: Steps) -> None:
        settings, filters = self._settings, load_filters(self._settings.filters)
        access = KafkaAccess.of(settings)
        async with connected_admin(access) as admin:
            missing = await check(admin, [spec for spec in specs(settings) if spec.name == settings.topic(TICKS)])
        if missing:
            raise TopicError(f"missing on {settings.kafka_url}: {missing[0].name}; `faust -A app topics` creates it")
        log = LogReader(access, [settings.topic(TICKS)])
        await log.start()
        try:
            topic = TickTopic(settings, log, self._selection, stop=self.stop)
            progress.begin("ticks", None)
            for partition in self._partitions():
                fold.partition()
                async with aclosing(topic.partition(partition, filters)) as batches:
                    async for decoded in batches:
                        await asyncio.to_thread(fold.take, decoded, progress.advance)
        finally:
            await log.stop()

    def _partitions(self) -> Iterable[int]:
        symbols, count = self._selection.symbols, self._settings.partitions
        if symbols is None or self._settings.any_partition:
            return range(count)
        return sorted({partition_of(symbol.encode(), count) for symbol in symbols})

    def _train(self, fold: Fold, engine: RealTimeFeatureEngine, progress: Steps) -> str:
        progress.begin("labels", None)
        data = dataset_of(
            fold,
            self._feature_set,
            self._label,
            start_ns=self._selection.start_ns,
            end_ns=self._selection.end_ns,
            sessions=engine.sessions,
        )
        progress.begin("training", steps(self._asked))
        trained: Trained = train(
            data,
            self._feature_set,
            self._asked,
            on_step=progress.step,
            leaks=leak_check(engine, fold, self._asked.seed),
        )
        where = save(self._registry, trained)
        return summary(data, trained, where)


def label_of(options: dict[str, Any]) -> LabelSpec:
    """What `--label` and the options beside it ask for.

    Raises:
        ConfigError: naming the option.
    """
    kind, price = options["label"], options["price"]
    if kind not in ("direction", "barrier", "volatility"):
        raise ConfigError(f"--label {kind}: give direction, barrier or volatility")
    given = {key: options[key] for key in ("dead_band_bps", "take_bps", "stop_bps") if options[key]}
    belongs = {"direction": {"dead_band_bps"}, "barrier": {"take_bps", "stop_bps"}, "volatility": set[str]()}[kind]
    for key in given:
        if key not in belongs:
            raise ConfigError(f"--{key.replace('_', '-')}: does not belong to --label {kind}; leave it out")
    if kind == "barrier" and len(given) < len(belongs):
        raise ConfigError("--label barrier: give --take-bps and --stop-bps")
    parts = [f"horizon={options['horizon']}", f"price={price}", *(f"{key}={text}" for key, text in given.items())]
    spec = parse_labels(",".join(parts))
    return LabelSpec(spec.horizon_ns, price=spec.price, volatility=True) if kind == "volatility" else spec


def sampling_of(options: dict[str, Any]) -> Sampling:
    """Which records become rows.

    Raises:
        ConfigError: naming the option.
    """
    every, most = options["every"], options["max_rows"]
    for name, number in (("--every", every), ("--max-rows", most)):
        if number < 1:
            raise ConfigError(f"{name} {number}: give 1 or more")
    return Sampling(every, options["on_change"], min(most, QUICK_ROWS) if options["quick"] else most)
