"""How a row of one feature set becomes a row of another.

What both sets know in the same way goes on where it was; the rest starts like that of a symbol never seen, its outputs
`warming`. The same means:

- an indicator: equal name, family revision, parameters, outputs and slots; where it compares with a reference symbol,
  the same symbol; where it looks at sessions, the same calendars;
- a bar: its interval;
- a reference price: its symbol;
- the side of a cross: the same two operands, of indicators that go on.

The common part (last trade, quote in force, counters, what the filters remember) belongs to the symbol and always
stays; slots that an earlier layout did not have are those of a symbol never seen. A family whose state changed its
meaning has another revision; a `FamilyMigration` says how its old slots become new ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from streams.columns import F64
from streams.feature_set import FeatureSet
from streams.feature_set_options import Derived
from streams.indicators.indicator import Indicator, Number
from streams.layout import BAR, EARLIER_COMMON, LAYOUT, Place

SESSION_INPUTS: Final = frozenset({"session", "since_open", "phase"})


@dataclass(frozen=True, slots=True)
class FamilyMigration:
    """The step from one revision of a family to the next."""

    family: str
    revision: int
    """Of the old rows; the new ones have the next."""
    state_size: Callable[..., int]
    """Slots of the old revision, from the parameters."""
    convert: Callable[[F64, tuple[Number, ...]], F64]
    """New slots from old ones and the parameters. Steps and outputs go on as they are."""


MIGRATIONS: Final[tuple[FamilyMigration, ...]] = ()
"""All that are known. One is added with each raised revision whose old rows can still be used."""


class RowMigration:
    """Rows of `old` into rows of `new`."""

    def __init__(self, old: FeatureSet, new: FeatureSet, migrations: Sequence[FamilyMigration] = MIGRATIONS) -> None:
        self.old_layout = old.layout_hash
        self.old_width = old.width
        self.kept: list[str] = []
        """Indicators that go on, by the name under which they keep state."""
        self.fresh: list[str] = []
        """Those that start warming."""
        self._new_width = new.width
        common = slice(0, min(old.layout.references, new.layout.references))
        self._copies: list[tuple[slice, slice]] = [(common, common)]
        self._conversions: list[tuple[Place, Place, list[FamilyMigration]]] = []
        self._match_indicators(old, new, migrations)
        self._match_others(old, new)

    def convert(self, state: F64) -> F64:
        """The new row of one symbol."""
        row = np.zeros(self._new_width)
        for source, target in self._copies:
            row[target] = state[source]
        for source_place, target_place, chain in self._conversions:
            row[target_place.at : target_place.outputs.stop] = state[source_place.at : source_place.outputs.stop]
            slots = state[source_place.states]
            for migration in chain:
                slots = migration.convert(slots, target_place.indicator.parameters)
            row[target_place.states] = slots
        return row

    def _match_indicators(self, old: FeatureSet, new: FeatureSet, migrations: Sequence[FamilyMigration]) -> None:
        for held, target in new.layout.places.items():
            source = old.layout.places.get(held)
            chain = None if source is None else _chain(source.indicator, target.indicator, migrations)
            if source is None or chain is None or not _means_the_same(old, new, source.indicator, target.indicator):
                self.fresh.append(held)
                continue
            self.kept.append(held)
            if chain:
                self._conversions.append((source, target, chain))
            else:
                self._copies.append((source.slots, target.slots))

    def _match_others(self, old: FeatureSet, new: FeatureSet) -> None:
        for i, symbol in enumerate(new.references):
            if symbol in old.references:
                at = old.layout.references + old.references.index(symbol)
                self._copies.append(
                    (slice(at, at + 1), slice(new.layout.references + i, new.layout.references + i + 1))
                )
        bars = dict(zip(old.intervals, old.layout.bars, strict=True))
        for interval, at in zip(new.intervals, new.layout.bars, strict=True):
            if interval in bars:
                self._copies.append((slice(bars[interval], bars[interval] + BAR), slice(at, at + BAR)))
        sides = {derived.of: old.layout.derived + i for i, derived in enumerate(_crosses(old))}
        for i, derived in enumerate(_crosses(new)):
            if derived.of in sides and not self._starts_warming(new, derived):
                source = sides[derived.of]
                target = new.layout.derived + i
                self._copies.append((slice(source, source + 1), slice(target, target + 1)))

    def _starts_warming(self, new: FeatureSet, derived: Derived) -> bool:
        fresh = {output for indicator in new.indicators if indicator.held in self.fresh for output in indicator.outputs}
        return any(operand in fresh for pair in derived.of for operand in pair)


def earlier_versions(
    feature_set: FeatureSet, migrations: Sequence[FamilyMigration] = MIGRATIONS
) -> Iterator[FeatureSet]:
    """`feature_set` as it was when its families had earlier revisions and rows an earlier layout, itself first: which
    one wrote a row is told by its layout hash. Also without limits of staleness, which no row depends on: shipped sets
    had none before layout 3, and are known by the same name."""
    families = sorted({indicator.family.name for indicator in feature_set.indicators})
    choices: list[list[FamilyMigration | None]] = [
        [None, *(migration for migration in migrations if migration.family == family)] for family in families
    ]
    options = feature_set.options
    ageless = replace(options, trade_s=None, quote_s=None, bar_s=None, stale_outputs=())
    limits = [options] if ageless == options else [options, ageless]
    for row_layout, limited, chosen in product((LAYOUT, *EARLIER_COMMON), limits, list(product(*choices))):
        old = {migration.family: migration for migration in chosen if migration is not None}
        indicators = tuple(_as_it_was(indicator, old) for indicator in feature_set.indicators)
        yield replace(feature_set, indicators=indicators, options=limited, row_layout=row_layout)


def _as_it_was(indicator: Indicator, old: dict[str, FamilyMigration]) -> Indicator:
    migration = old.get(indicator.family.name)
    if migration is None:
        return indicator
    family = replace(indicator.family, revision=migration.revision, state_size=migration.state_size)
    return replace(indicator, family=family, state_size=migration.state_size(*indicator.parameters))


def _chain(old: Indicator, new: Indicator, migrations: Sequence[FamilyMigration]) -> list[FamilyMigration] | None:
    """The conversions from the one's slots to the other's: none where they are the same, None where there is no way."""
    if (old.name, old.family.name, old.parameters, old.outputs) != (
        new.name,
        new.family.name,
        new.parameters,
        new.outputs,
    ):
        return None
    steps = {migration.revision: migration for migration in migrations if migration.family == new.family.name}
    wanted = range(old.family.revision, new.family.revision)
    if old.family.revision > new.family.revision or any(revision not in steps for revision in wanted):
        return None
    if not wanted and old.state_size != new.state_size:
        return None
    return [steps[revision] for revision in wanted]


def _means_the_same(old: FeatureSet, new: FeatureSet, source: Indicator, target: Indicator) -> bool:
    """Whether what the indicator looks at beside its ticks is the same in both sets."""
    before, now = old.options, new.options
    if target.reference and dict(before.references)[source.reference] != dict(now.references)[target.reference]:
        return False
    if SESSION_INPUTS & set(target.family.inputs):
        return (before.calendar, sorted(before.calendars)) == (now.calendar, sorted(now.calendars))
    return True


def _crosses(feature_set: FeatureSet) -> list[Derived]:
    return [derived for derived in feature_set.options.derived if derived.kind == "cross"]
