"""What is wrong, by the numbers: a guess at the kind of fault that a stretch of differences shows.

- `zone`: the session's clock is off, or what is summed up over a session parted from it at a session's start.
- `seed`: an average that never forgets differs, and less with every step: it follows its recursion from another start.
- `lag`: what is served is what had to be served a step (or bar) before.
- `scale`: all are off by one factor. sqrt(n / (n - 1)) is a deviation by another number of degrees of freedom.
- `flag`: the values are right, their flags are not.
- `definition`: anything else.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite, isnan, sqrt
from typing import Final, Literal, NamedTuple

Kind = Literal["zone", "seed", "lag", "scale", "flag", "definition"]

ENOUGH: Final = 6
"""Differing steps that it takes to tell a pattern."""
QUARTER_S: Final = 900
DAY_S: Final = 86_400
AGREED: Final = 50
"""Right values after which a difference counts as one that begins."""


class Sample(NamedTuple):
    """One look at an output that differed."""

    step: int
    """Steps of its indicator."""
    served: float
    expected: float
    before: float
    """What was expected before the last change."""
    slack: float


class Diagnosis(NamedTuple):
    """The kind, and the reason for it in words."""

    kind: Kind
    why: str


def diagnose(
    samples: Sequence[Sample], *, recursive: bool, by_session: bool, session_off: bool, agreed: int, seconds: bool
) -> Diagnosis:
    """What the differing values of one output say.

    `recursive`: whether it never forgets. `by_session`: whether it depends on the calendar; `session_off`: whether the
    session's clock differs too; `seconds`: whether it is that clock. `agreed`: right values before the first wrong one.
    """
    if seconds and (found := _zone(samples)):
        return found
    if by_session and (session_off or agreed >= AGREED):
        return Diagnosis("zone", "it parted where a session begins or its clock is off")
    changed = _changes(samples)
    if len(changed) >= ENOUGH:
        for found in (_lag(changed), _scale(changed), _seed(changed) if recursive else None):
            if found is not None:
                return found
    return Diagnosis("definition", f"{len(changed)} steps differ without a pattern that is known")


def _changes(samples: Sequence[Sample]) -> list[Sample]:
    """One sample per step."""
    return [s for i, s in enumerate(samples) if i == 0 or s.step != samples[i - 1].step]


def _zone(samples: Sequence[Sample]) -> Diagnosis | None:
    for sample in samples:
        off = sample.served - sample.expected
        if isfinite(off) and off and abs(off % QUARTER_S) < 1e-6:
            hours = ((off + DAY_S / 2) % DAY_S - DAY_S / 2) / 3600
            return Diagnosis("zone", f"the session's clock is off by {hours:+g} h")
        if isnan(sample.served) != isnan(sample.expected):
            return Diagnosis("zone", "open for the one, closed for the other")
    return None


def _lag(samples: Sequence[Sample]) -> Diagnosis | None:
    late = [
        s for s in samples if isfinite(s.before) and abs(s.served - s.before) <= 4 * s.slack + 1e-12 * abs(s.before)
    ]
    return Diagnosis("lag", "each value is the one of a step before") if len(late) >= 0.9 * len(samples) else None


def _scale(samples: Sequence[Sample]) -> Diagnosis | None:
    ratios = [s.served / s.expected for s in samples if s.expected and isfinite(s.served / s.expected)]
    if len(ratios) < ENOUGH or max(ratios) - min(ratios) > 1e-6 * abs(ratios[0]):
        return None
    ratio = ratios[0]
    for n in range(2, 1001):
        for factor, name in ((n / (n - 1), f"{n} / {n - 1}"), (sqrt(n / (n - 1)), f"sqrt({n} / {n - 1})")):
            if min(abs(ratio - factor), abs(1 / ratio - factor)) < 1e-7:
                return Diagnosis("scale", f"a factor of {ratio:.9g}, by {name}: another divisor (degrees of freedom)")
    return Diagnosis("scale", f"a factor of {ratio:.9g} throughout")


def _seed(samples: Sequence[Sample]) -> Diagnosis | None:
    errors = [s.served - s.expected for s in samples]
    if not all(map(isfinite, errors)) or errors[0] == 0:
        return None
    one_side = all(error * errors[0] > 0 for error in errors)
    fading = all(abs(b) < abs(a) for a, b in pairwise(errors))
    if not (one_side and fading):
        return None
    return Diagnosis("seed", f"off by {errors[0]:.6g} at first and {errors[-1]:.6g} {len(errors) - 1} steps later")
