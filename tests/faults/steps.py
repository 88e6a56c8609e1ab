"""The life of a batch as named steps, and a process that ends or stops itself at one of them.

The product has no hooks: a step is a function of it, wrapped before it runs or after it has.
"""

import functools
import importlib
import inspect
import os
import signal
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

FEATURES: Final = "FeaturesJob"
ENSEMBLE: Final = "EnsembleJob"


class Step(NamedTuple):
    """One place in the life of a batch."""

    target: str
    """`module:Class.function`."""
    when: Literal["before", "after"]
    most: int
    """How many times it is passed before it strikes, at most: some steps come with every tick, others once a second."""
    job: str | None = None
    """Of the lanes of this job only (the function's first argument is a lane)."""


STEPS: Final[dict[str, Step]] = {
    # Every batch.
    "polled": Step("agents.features:FeaturesJob.process", "before", 300),
    "folded": Step("agents.features:FeaturesJob._emit_features", "before", 300),
    "half-emitted": Step("agents.lane:Lane.emit", "after", 500),
    "emitted": Step("agents.features:FeaturesJob.process", "after", 300),
    "half-sent": Step("streams.kafka.outlet:Outlet.put", "after", 500),
    "sent": Step("agents.outputs:Outputs.flush", "after", 300),
    "acknowledged": Step("agents.features:FeaturesJob.acknowledged", "before", 200),
    "counted": Step("agents.features:FeaturesJob.acknowledged", "after", 200),
    "redis-flush": Step("tables.features.writer:FeatureWriter._send", "before", 200),
    "redis-flushed": Step("tables.features.writer:FeatureWriter._send", "after", 200),
    "decided": Step("agents.ensemble:EnsembleJob.process", "after", 200),
    "signals-acknowledged": Step("agents.ensemble:EnsembleJob.acknowledged", "before", 200),
    # A checkpoint.
    "checkpoint": Step("agents.lane:Lane._checkpoint", "before", 20, FEATURES),
    "snapshot": Step("agents.features:FeaturesJob.rows", "after", 20),
    "outputs-acknowledged": Step("agents.features:FeaturesJob.settle", "before", 20),
    "settled": Step("agents.features:FeaturesJob.settle", "after", 20),
    "changelog-begun": Step("tables.indicator_state:RowWrite.to_changelog", "before", 20),
    "changelog-on-its-way": Step("tables.indicator_state:PartitionRows.to_changelog", "before", 20),
    "changelog-acknowledged": Step("tables.indicator_state:RowWrite.to_changelog", "after", 20),
    "committing": Step("agents.lane:Lane._commit", "before", 20, FEATURES),
    "committed": Step("agents.lane:Lane._commit", "after", 20, FEATURES),
    "storing": Step("tables.indicator_state:RowWrite.to_store", "before", 20),
    "stored": Step("tables.indicator_state:RowWrite.to_store", "after", 20),
    "checkpointed": Step("agents.lane:Lane._checkpoint", "after", 20, FEATURES),
    "signals-committing": Step("agents.lane:Lane._commit", "before", 20, ENSEMBLE),
    "signals-committed": Step("agents.lane:Lane._commit", "after", 20, ENSEMBLE),
    # A start.
    "recovering": Step("tables.changelog_rows:ChangelogRows.take", "after", 3),
    "half-recovered": Step("tables.local_store:LocalStore.write_rows", "after", 3),
    "recovered": Step("tables.changelog_reader:ChangelogReader.recover", "after", 1),
    "opening": Step("agents.lane:Lane._open", "before", 8),
    "opened": Step("agents.lane:Lane._open", "after", 8),
    # A rebalance.
    "revoking": Step("agents.lanes:Lanes.revoke", "before", 1),
    "revoked": Step("agents.lanes:Lanes.revoke", "after", 1),
}
"""In the order in which a batch passes them."""


class Strike(NamedTuple):
    """What a process does to itself: `signal:step:passing`, at the passing-th passing of the step."""

    signal: signal.Signals
    step: str
    passing: int

    def __str__(self) -> str:
        return f"{self.signal.name}:{self.step}:{self.passing}"

    @classmethod
    def parse(cls, text: str) -> "Strike":
        """The opposite of `str`."""
        name, step, passing = text.split(":")
        return cls(signal.Signals[name], step, int(passing))


def find(target: str) -> tuple[type, str, Callable[..., Any]]:
    """Class, name and function of a `module:Class.function`.

    Raises:
        AttributeError: the product has no such function any more; the step's place must be found again.
    """
    module, _, path = target.partition(":")
    class_name, _, name = path.partition(".")
    owner = getattr(importlib.import_module(module), class_name)
    return owner, name, getattr(owner, name)


def around(
    function: Callable[..., Any], before: Callable[..., None] | None = None, after: Callable[..., None] | None = None
) -> Callable[..., Any]:
    """`function` with something called, with its arguments, before or after it; a coroutine stays one."""
    before, after = before or _nothing, after or _nothing
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            before(*args)
            result = await function(*args, **kwargs)
            after(*args)
            return result
    else:

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before(*args)
            result = function(*args, **kwargs)
            after(*args)
            return result

    return wrapped


def _nothing(*_: Any) -> None:
    pass


def arm(strike: Strike, strike_with: Callable[[int, int], None] = os.kill) -> None:
    """Have this process strike itself."""
    step = STEPS[strike.step]
    owner, name, function = find(step.target)
    left = strike.passing

    def pass_by(*args: Any) -> None:
        nonlocal left
        if step.job is not None and type(args[0].job).__name__ != step.job:
            return
        left -= 1
        if left == 0:
            # After what was logged until now, in the same file.
            print(f"strikes itself: {strike}", flush=True)
            strike_with(os.getpid(), strike.signal)

    setattr(owner, name, around(function, **{step.when: pass_by}))
