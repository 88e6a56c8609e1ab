"""The audit of one symbol: what was served, held against what is recomputed, and what the differences say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Final

from streams.audit.diagnosis import Diagnosis, Sample, diagnose
from streams.audit.difference import Difference, field_differences, value_differences
from streams.audit.event import Event
from streams.audit.finding import Finding
from streams.audit.model import Expected
from streams.audit.outputs import expected, followed
from streams.audit.served import Served
from streams.audit.symbol import Recomputed

FIRST: Final = 200
"""Records of a symbol that are looked at one by one from the start on: that is where seeds and warm-ups show."""
DENSE: Final = 200
"""And after a difference: enough to see what it is."""
MOST: Final = 12
"""Differing steps of one output that are kept for its diagnosis."""
SOON_NS: Final = 30 * 1_000_000_000
"""Event time after which a difference is told of, though fewer steps were seen."""
AGAIN_NS: Final = 60 * 1_000_000_000
"""Event time until the same is said again."""
SHOWN: Final = 3
"""Outputs named in a message."""


@dataclass
class Trouble:
    """One output that differs."""

    first: Difference
    id: str
    ts_ns: int
    agreed: int
    samples: list[Sample] = field(default_factory=list)
    records: int = 1
    told: bool = False
    """Once, with fewer steps than are kept; more may tell what it is."""


@dataclass
class Counts:
    """What was done."""

    ticks: int = 0
    records: int = 0
    """Looked at."""
    values: int = 0
    """Compared."""
    unclaimed: int = 0
    """Of which nothing could be said."""
    differences: int = 0
    copies: int = 0
    """Records that came twice, alike."""


class SymbolAudit:
    """Holds served records against the recomputation of their symbol."""

    def __init__(self, symbol: str, recomputed: Recomputed, *, every: int = 1) -> None:
        """`every`: of so many records one is looked at whole, beside the first ones and those after a difference."""
        self.symbol = symbol
        self.recomputed = recomputed
        self.counts = Counts()
        self._every = max(every, 1)
        self._dense = FIRST
        self._followed = followed(recomputed.set)
        self._holders = {o: i for i in recomputed.set.indicators for o in i.outputs}
        self._last: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._agreed: dict[str, int] = defaultdict(int)
        self._troubles: dict[tuple[str, str], Trouble] = {}
        self._said: dict[tuple[str, str], int] = {}
        self._findings: list[Finding] = []

    def fold(self, event: Event) -> None:
        """Fold an event, and look at no more than what remembers."""
        if self.recomputed.fold(event) in {"applied", "warm"} and self._followed:
            expected(self.recomputed, self._followed)

    def check(self, event: Event, served: Served, id_: str) -> None:
        """Fold the tick, and compare what was served after it."""
        self.counts.ticks += 1
        self._dense -= self._dense > 0
        if not self._dense and event.offset % self._every:
            self.fold(event)
            return
        self.recomputed.fold(event)
        self.counts.records += 1
        set_, price = self.recomputed.set, self.recomputed.memory.price
        fields = field_differences(served, event, id_, self.symbol, price, set_.version, set_.outputs)
        wanted = expected(self.recomputed)
        # The values of another version mean something else.
        values = [] if any(d.output in {"schema", "outputs"} for d in fields) else value_differences(served, wanted)
        self._remember(wanted)
        for difference in (*fields, *values):
            self._note(difference, id_, event.ts_ns)
        self._agree(wanted, {d.output for d in values})

    def report(self, kind: str, id_: str, ts_ns: int, message: str, differences: Iterable[Difference] = ()) -> None:
        """Something that needs no diagnosis; said once a minute of event time."""
        self.counts.differences += 1
        if not self._may_say(kind, "", ts_ns):
            return
        numbers = {d.output: _numbers(d) for d in differences}
        self._findings.append(Finding(kind, self.symbol, id_, ts_ns, message, numbers))

    def findings(self, *, final: bool = False) -> list[Finding]:
        """What there is to say since the last call: differences that were seen often enough, or all if `final`."""
        found, self._findings = self._findings, []
        due = {key: trouble for key, trouble in self._troubles.items() if final or self._is_due(trouble)}
        kinds: dict[str, dict[str, tuple[Trouble, str]]] = defaultdict(dict)
        for key, trouble in due.items():
            diagnosis = self._diagnosis(trouble)
            trouble.told = True
            if trouble.first.what != "value" or len(trouble.samples) >= MOST:
                del self._troubles[key]
            if self._may_say(diagnosis[0], trouble.first.output, trouble.ts_ns):
                kinds[diagnosis[0]][trouble.first.output] = (trouble, diagnosis[1])
        for kind, troubles in kinds.items():
            found.append(self._finding(kind, troubles))
        return found

    def _is_due(self, trouble: Trouble) -> bool:
        if trouble.first.what != "value" or len(trouble.samples) >= MOST:
            return True
        return not trouble.told and self.recomputed.now_ns - trouble.ts_ns >= SOON_NS

    def _note(self, difference: Difference, id_: str, ts_ns: int) -> None:
        self.counts.differences += 1
        if not self._dense:
            self._dense = DENSE
        output = difference.output
        trouble = self._troubles.get((output, difference.what))
        if trouble is None:
            trouble = Trouble(difference, id_, ts_ns, self._agreed[output])
            self._troubles[output, difference.what] = trouble
        else:
            trouble.records += 1
        if difference.what == "value":
            holder = self._holders.get(output)
            model = self.recomputed.models[holder.held] if holder is not None else None
            served, must = (nan if n is None else float(n) for n in (difference.served, difference.expected))
            before = self._before.get(output, nan)
            step = model.count if model is not None and holder is not None and not holder.live else self.counts.ticks
            if len(trouble.samples) < MOST and (not trouble.samples or trouble.samples[-1].step != step):
                trouble.samples.append(Sample(step, served, must, before, difference.slack))

    def _remember(self, wanted: Mapping[str, Expected]) -> None:
        for output, (claim, _) in wanted.items():
            if claim is not None and self._last.get(output) != claim.value:
                self._before[output] = self._last.get(output, nan)
                self._last[output] = claim.value

    def _agree(self, wanted: Mapping[str, Expected], wrong: set[str]) -> None:
        for output, (claim, flag) in wanted.items():
            if claim is None and flag is None:
                self.counts.unclaimed += 1
            else:
                self.counts.values += 1
                if output not in wrong:
                    self._agreed[output] += 1

    def _diagnosis(self, trouble: Trouble) -> tuple[str, str]:
        first = trouble.first
        if first.what == "field":
            return ("version" if first.output in {"schema", "outputs"} else "record"), "the record's own field"
        if first.what == "flag":
            return "flag", f"{trouble.records} records"
        holder = self._holders.get(first.output)
        model = self.recomputed.models[holder.held] if holder is not None else None
        definition = model.definition if model is not None else None
        found: Diagnosis = diagnose(
            trouble.samples,
            recursive=definition is not None and definition.memory == 0,
            by_session=definition is not None and definition.by_session,
            session_off=any(output == "session_seconds" for output, _ in self._troubles),
            agreed=trouble.agreed,
            seconds=first.output.startswith("session_"),
        )
        return found

    def _may_say(self, kind: str, output: str, ts_ns: int) -> bool:
        if ts_ns < self._said.get((kind, output), -AGAIN_NS) + AGAIN_NS:
            return False
        self._said[kind, output] = ts_ns
        return True

    def _finding(self, kind: str, troubles: Mapping[str, tuple[Trouble, str]]) -> Finding:
        first = min((trouble for trouble, _ in troubles.values()), key=lambda trouble: trouble.ts_ns)
        numbers = {}
        for output, (trouble, why) in troubles.items():
            numbers[output] = _numbers(trouble.first) | {"why": why, "records": trouble.records}
        shown = [
            f"{output} was {_text(t.first.served)}, not {_text(t.first.expected)}"
            for output, (t, _) in list(troubles.items())[:SHOWN]
        ]
        more = f" and {len(troubles) - SHOWN} more outputs" if len(troubles) > SHOWN else ""
        why = next(iter(troubles.values()))[1]
        message = f"{self.symbol}: {', '.join(shown)}{more} at {first.id}: {why}"
        return Finding(kind, self.symbol, first.id, first.ts_ns, message, numbers)


def _numbers(difference: Difference) -> dict[str, float | str | None]:
    return {"served": difference.served, "expected": difference.expected, "slack": difference.slack}


def _text(value: float | str | None) -> str:
    return "null" if value is None else value if isinstance(value, str) else repr(value)
