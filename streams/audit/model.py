"""One indicator as the recomputation follows it: its definition, its steps, what is still to go after a gap."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streams.definitions.definition import Claim, Claims, Definition, Moment, Quote, Saved, Trade


@dataclass
class Model:
    """Steps are counted since the beginning or the last reset; `fresh` ones are those that were seen."""

    make: Callable[[], Definition]
    definition: Definition = field(init=False)
    count: int = 0
    fresh: int = 0
    to_go: int = 0
    """Gapped until so many steps more."""
    resumed: bool = False

    def __post_init__(self) -> None:
        self.definition = self.make()

    def resume(self, count: int, to_go: int, state: Sequence[float], values: Sequence[float], previous: float) -> None:
        """Begin where a saved row is."""
        self.count, self.to_go, self.resumed = count, to_go, True
        self.definition.resume(Saved(count, state, values, previous))

    def take(self, trade: Trade) -> None:
        """Step with a trade or a bar."""
        self._count()
        self.definition.take(trade)

    def take_bar(self, bar: Trade, *, missing: bool) -> None:
        """Step with a bar; one in which data are `missing` is not one of those that follow a gap."""
        self.take(bar)
        if missing and self.definition.on_gap != "reset":
            self.to_go = 1 if self.definition.on_gap == "decay" else max(self.definition.warmup)

    def take_quote(self, quote: Quote, before: Quote | None) -> None:
        """Step with a quote."""
        # The first step after a reset has none before it.
        self._count()
        self.definition.take_quote(quote, before if self.count > 1 else None)

    def take_moment(self, moment: Moment) -> None:
        """Step with a tick."""
        self._count()
        self.definition.take_moment(moment)

    def _count(self) -> None:
        self.count += 1
        self.fresh += 1
        self.to_go = max(self.to_go - 1, 0)

    def gap(self) -> None:
        """Data are missing here."""
        policy = self.definition.on_gap
        if policy == "reset":
            self.definition = self.make()
            self.count = self.fresh = self.to_go = 0
            self.resumed = False
        else:
            self.to_go = 2 if policy == "decay" else max(self.definition.warmup)

    @property
    def known(self) -> bool:
        """Whether everything that the values are made of was seen, or taken over from a row."""
        memory = self.definition.memory
        return not self.resumed or self.fresh >= max(memory, 1)

    def claims(self) -> Claims:
        """What the outputs must be, where that can be said; before the warm-up of all is over, nothing."""
        warmup = self.definition.warmup
        if not self.known or self.count < min(warmup):
            return (None,) * len(warmup)
        claims = self.definition.claims()
        return tuple(claim if self.count >= steps else None for claim, steps in zip(claims, warmup, strict=True))

    def with_bar(self, bar: Trade, *, missing: bool) -> "Model":
        """A copy that has taken one more bar."""
        other = copy.copy(self)
        other.definition = copy.deepcopy(self.definition)
        other.take_bar(bar, missing=missing)
        return other


Expected = tuple[Claim | None, int | None]
"""What an output must be, and the code of its flag (streams.records); None where nothing can be said."""
