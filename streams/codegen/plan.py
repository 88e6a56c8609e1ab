"""What of a feature set the written module is made of: who steps on what, and where its numbers are."""

from collections.abc import Iterable
from typing import Final

from streams.bars import Interval
from streams.feature_set import FeatureSet
from streams.indicators.indicator import Indicator, Input, On
from streams.layout import COMMON, VALUES, Place

SESSION: Final[frozenset[Input]] = frozenset({"session", "since_open", "phase"})
"""Inputs that a look at the calendar gives."""


class Plan:
    """One feature set, as the writers look at it."""

    def __init__(self, feature_set: FeatureSet) -> None:
        self.set = feature_set
        self.options = feature_set.options
        self.places = tuple(feature_set.layout.places.values())
        self.intervals: tuple[tuple[Interval, int], ...] = tuple(
            zip(feature_set.intervals, feature_set.layout.bars, strict=True)
        )
        """Each with the first slot of its bars."""
        self.lives = tuple(indicator for indicator in feature_set.indicators if indicator.live)
        self.work = 0
        """Slots of the scratch vector in which live variants step."""
        self._live_at: dict[str, int] = {}
        for live in self.lives:
            self._live_at[live.name] = self.work
            self.work += VALUES + len(live.outputs) + live.state_size
        self.aliases = {alias: place for place, (alias, _) in enumerate(self.options.references)}
        self.timed = any(interval.kind == "time" for interval in feature_set.intervals)
        self.finds_gaps = self.options.silence_s is not None or self.options.sequence
        self.direct = sum(len(indicator.outputs) for indicator in feature_set.indicators)
        """How many outputs come first: those of the indicators."""

    def on(self, what: On) -> list[Place]:
        """Who steps on single events of a kind."""
        return [p for p in self.places if p.indicator.interval is None and p.indicator.family.on == what]

    def on_bars(self, interval: Interval) -> list[Place]:
        """Who steps on the bars of an interval."""
        return [p for p in self.places if p.indicator.interval == interval]

    def bar(self, indicator: Indicator) -> int:
        """First slot of the bars that an indicator is on."""
        return next(at for interval, at in self.intervals if interval == indicator.interval)

    def place(self, indicator: Indicator) -> Place:
        """Where an indicator's state is kept."""
        return self.set.layout.places[indicator.held]

    def at(self, indicator: Indicator) -> int:
        """Where its numbers are shown from: in the row, for a live one in the scratch vector."""
        return self._live_at[indicator.name] if indicator.live else self.place(indicator).at

    def reference_slot(self, indicator: Indicator) -> int:
        """Slot of the price of its reference symbol when the symbol last traded."""
        return COMMON + self.aliases[indicator.reference]


def inputs_of(places: Iterable[Place]) -> set[Input]:
    """What the steps of these ask for."""
    return {name for place in places for name in place.indicator.family.inputs}
