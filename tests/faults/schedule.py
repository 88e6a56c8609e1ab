"""Fault schedules: from a seed alone, and always of things that can be done. Pure."""

import random
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

NAMES: Final = ("one", "two", "three", "four")

READY: Final = 0.7
"""Share of hurts that wait until their worker is at work; the others meet it wherever it is, also at its start."""


class Action(NamedTuple):
    """One thing to do."""

    wait_s: float
    """Pause before it."""
    what: str
    """start, kill (-9), term, freeze (SIGSTOP) or thaw (SIGCONT)."""
    name: str
    """Of the worker."""
    when_ready: bool = False
    """The pause begins when the worker has its partitions, recovered."""

    def __str__(self) -> str:
        return f"+{self.wait_s:.2f}s {self.what} {self.name}{' (ready)' * self.when_ready}"


def turns(
    seed: int, count: int, weights: Mapping[str, float], *, most: int = 3, wait_s: tuple[float, float] = (0.1, 1.5)
) -> list[Action]:
    """`count` kills, or other hurts by `weights`, of up to `most` workers that come back at random moments.

    Begins with nobody, ends with at least one that runs, and never freezes the only one.
    """
    rng = random.Random(seed)
    names = NAMES[:most]
    running: set[str] = set()
    frozen: set[str] = set()
    actions = [Action(0.0, "start", name) for name in names[: rng.randint(2, most)]]
    running |= {action.name for action in actions}
    hurts = 0
    while hurts < count:
        possible = _possible(names, running, frozen, weights)
        what = rng.choices(list(possible), [possible[each] for each in possible])[0]
        name = rng.choice(_targets(what, names, running, frozen))
        ready = what in weights and rng.random() < READY
        actions.append(Action(round(rng.uniform(*wait_s), 2), what, name, ready))
        hurts += what in weights
        if what in ("kill", "term"):
            running.discard(name)
            frozen.discard(name)
        elif what == "start":
            running.add(name)
        elif what == "freeze":
            frozen.add(name)
        else:
            frozen.discard(name)
    actions += [Action(0.5, "thaw", name) for name in sorted(frozen)]
    if not running:
        actions.append(Action(0.5, "start", names[0]))
    return actions


def _possible(
    names: Sequence[str], running: set[str], frozen: set[str], weights: Mapping[str, float]
) -> dict[str, float]:
    """What can be done now, with its weight; coming back is as likely as all hurts together, and more while few run."""
    awake = running - frozen
    possible = {what: weight for what, weight in weights.items() if awake and not (what == "freeze" and len(awake) < 2)}
    total = sum(weights.values())
    if len(running) < len(names):
        possible["start"] = total * (1.0 if len(awake) > 1 else 3.0)
    if frozen:
        possible["thaw"] = total
    return possible


def _targets(what: str, names: Sequence[str], running: set[str], frozen: set[str]) -> list[str]:
    if what == "start":
        return [name for name in names if name not in running]
    return sorted(frozen if what == "thaw" else running - frozen)
