"""The fallback ladder: who answers when a version does not.

    canary ─> champion ─> either without a failing member ─> the champion before ─> the rules

A batch comes in slices of at most `SLICE` records. A version answers in a thread (agents/decision/deadline.py), and for
a slice nobody is waited for longer than the deadline, all rungs together. What a lower rung answered says so in its
signal: `fallback`, with the reason.

- `member:<name>`, `stacker`: that part failed, the others of the version answered (agents/decision/version.py).
- `deadline`: the version broke its deadline, or did lately and its breaker is open (agents/decision/breaker.py).
- `error`: it raised.
- `missing`: it is not loaded, for a file is corrupt, or the registry is away.
- `unusable`: the record lacks what the version needs, and a lower rung could answer without it. Where none could, the
  decision is the version's own: to hold, with its reason.

The rules are never waited for: no thread, no deadline. Where nothing is promoted they are the only rung.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from agents.decision.answers import Answer, Rows
from agents.decision.breaker import Breaker
from agents.decision.deadline import Call, DeadlineError, DeadlineThread
from agents.decision.decider import Decider
from agents.decision.decisions import MEMBER, STACKER, Decisions
from agents.decision.models import Models, Trouble, TroubleKind
from agents.decision.scores import Scores
from streams.columns import F64

if TYPE_CHECKING:
    from agents.decision.version import ModelVersion

log = logging.getLogger(__name__)

DEADLINE: Final = "deadline"
ERROR: Final = "error"
MISSING: Final = "missing"
UNUSABLE: Final = "unusable"

SLICE: Final = 250
"""Records that a version gets at once: the deadline is for so many."""
LEAST_S: Final = 0.001
"""A rung for which less is left of the deadline is not tried."""
POSTS: Final = 8
"""Models whose threads are kept; a version that is not asked any more gives its thread back."""

Weigher = Callable[[Scores], F64]
Where = tuple[int, int]
"""Partition, and first offset of the slice."""


class _Post(NamedTuple):
    """What one model is asked with."""

    thread: DeadlineThread
    breaker: Breaker


class Asked(NamedTuple):
    """A question beside the stream, see `Ladder.beside`."""

    model: str
    call: "Call[tuple[Scores, Decisions | None]]"
    began: float
    records: int


class Ladder:
    """Asks the rungs. One for all lanes: they work one after the other."""

    def __init__(
        self, rules: Decider, models: Models, *, deadline_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`deadline_s`: what a slice may take, all rungs together; `clock`: of the breakers' pauses, in seconds."""
        self._rules = rules
        self._models = models
        self._deadline_s = deadline_s
        self._clock = clock
        self._posts: OrderedDict[str, _Post] = OrderedDict()
        self._said: set[tuple[str, str]] = set()

    def close(self) -> None:
        """Give the threads back, each as soon as it is idle."""
        for post in self._posts.values():
            post.thread.close()
        self._posts.clear()

    def answer(
        self, rungs: Sequence[str], values: F64, price: F64, where: Where, *, weigh: Weigher | None = None
    ) -> list[Answer]:
        """Decide about n records, at most `SLICE` where there are rungs; each is in exactly one of the answers.

        Args:
            rungs: models in the order in which they are asked; the rules come after them.
            values: [n, k] in the order of the feature set's outputs; NaN where a value is null.
            price: [n], last trade price; NaN before the first.
            where: partition, and first offset of the slice.
            weigh: gets what the members of the first rung said about all n, if it answers at all, and gives their
                weights [n, m]; None: its stacker decides.
        """
        rows = np.arange(len(price), dtype=np.intp)
        if not rungs:
            return [Answer(self._rules.model, rows, self._rules.decide(values, price))]
        until = time.perf_counter() + self._deadline_s
        answers: list[Answer] = []
        held: Answer | None = None
        """What the first rung that answered says itself of records that it cannot use."""
        cause = ""
        for place, model in enumerate(rungs):
            asked = self._ask(model, values[rows], price[rows], rows, until, where, None if place else weigh)
            if isinstance(asked, str):
                cause = cause or asked
                continue
            assert asked.decisions.classes is not None, "a version's"
            silent = np.isnan(asked.decisions.classes[:, 0])
            if not silent.all():
                answers.append(asked.part(~silent).because(cause))
            if not silent.any():
                return answers
            held = held or asked.part(silent)
            rows = rows[silent]
            cause = cause or UNUSABLE
        lowest = Answer(self._rules.model, rows, self._rules.decide(values[rows], price[rows]))
        if held is None or cause != UNUSABLE:
            return [*answers, lowest.because(cause)]
        spoke = np.array([reason is None for reason in lowest.decisions.reason], np.bool_)
        if spoke.any():
            answers.append(lowest.part(spoke).because(cause))
        if not spoke.all():
            answers.append(held.part(np.isin(held.rows, rows[~spoke])))
        return answers

    def beside(self, model: str, values: F64, price: F64) -> Asked | None:
        """Begin to ask a version of which nothing depends; None where it cannot be asked now. See `heard`."""
        version = self._models.decider(model)
        post = self._post(model)
        if version is None or not self._may_ask(post, version, values, price):
            return None
        call = post.thread.submit(lambda: _both(version, values, price))
        return Asked(model, call, time.perf_counter(), len(price))

    def heard(self, asked: Asked, where: Where) -> Answer | None:
        """The answer of `beside`, for which it has had the deadline; None where there is none."""
        post = self._post(asked.model)
        n = asked.records
        try:
            scores, decisions = asked.call.wait(asked.began + self._deadline_s - time.perf_counter())
        except DeadlineError as error:
            post.breaker.opened(asked.call)
            self._report(asked.model, "deadline", str(error), n, n, where)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody but the shadow is without its answer
            self._report(asked.model, "error", repr(error), n, n, where)
        else:
            assert decisions is not None, "it decides"
            return Answer(asked.model, np.arange(n, dtype=np.intp), decisions, scores)
        return None

    def _ask(
        self,
        model: str,
        values: F64,
        price: F64,
        rows: Rows,
        until: float,
        where: Where,
        weigh: Weigher | None,
    ) -> Answer | str:
        """What a version answers, or why it does not."""
        version = self._models.decider(model)
        if version is None:
            self._say(model, MISSING, self._models.why(model))
            return MISSING
        post = self._post(model)
        remaining = until - time.perf_counter()
        n = len(rows)
        if remaining < LEAST_S:
            return DEADLINE
        if not self._may_ask(post, version, values, price):
            self._report(model, "deadline", "not waited for: it broke the deadline lately", n, n, where)
            return DEADLINE
        call = post.thread.submit(lambda: _both(version, values, price, decides=weigh is None))
        try:
            scores, decisions = call.wait(remaining)
            if decisions is None:
                assert weigh is not None, "else it decides"
                decisions = version.decide(values, price, scores=scores, weights=weigh(scores))
        except DeadlineError as error:
            post.breaker.opened(call)
            self._report(model, "deadline", str(error), n, n, where)
            return DEADLINE
        except Exception as error:  # noqa: BLE001 - whatever it is, a lower rung answers, and it is reported
            self._report(model, "error", repr(error), n, n, where)
            return ERROR
        if scores.errors or decisions.fallback.any():
            failed = sum(reason is not None and reason.startswith((MEMBER, STACKER)) for reason in decisions.reason)
            detail = "; ".join(f"{name}: {raised}" for name, raised in scores.errors.items()) or "no distribution"
            self._report(model, "member", detail, failed, n, where)
        return Answer(model, rows, decisions, scores)

    @staticmethod
    def _may_ask(post: _Post, version: "ModelVersion", values: F64, price: F64) -> bool:
        """Whether a version can be waited for; where it is time to, it is tried beside the stream."""
        if post.breaker.closed:
            return not post.thread.busy
        if post.breaker.wants_probe and not post.thread.busy:
            post.breaker.probe(post.thread.submit(lambda: _both(version, values, price)))
        return False

    def _post(self, model: str) -> _Post:
        post = self._posts.get(model)
        if post is None:
            post = _Post(DeadlineThread(f"scoring {model}"), Breaker(self._deadline_s, self._clock))
            self._posts[model] = post
            if len(self._posts) > POSTS:
                _, oldest = self._posts.popitem(last=False)
                oldest.thread.close()
        self._posts.move_to_end(model)
        return post

    def _report(self, model: str, kind: TroubleKind, detail: str, records: int, of: int, where: Where) -> None:
        self._say(model, kind, detail)
        partition, offset = where
        self._models.report(model, partition, Trouble(kind, detail, records, of, offset))

    def _say(self, model: str, kind: str, detail: str) -> None:
        """Once for each kind of trouble with a model; metrics and signals have the rest."""
        if (model, kind) not in self._said:
            self._said.add((model, kind))
            log.warning("model %s: %s: %s; a lower rung of the ladder answers", model, kind, detail)


def _both(version: "ModelVersion", values: F64, price: F64, *, decides: bool = True) -> tuple[Scores, Decisions | None]:
    """In the thread: what the members say and, unless the caller has weights of its own, what comes of it."""
    scores = version.score(values, price)
    return scores, version.decide(values, price, scores=scores) if decides else None
