"""The ladder with real models: who answers when one hangs, raises, gives NaN or is not there, and why."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from agents.decision.answers import Answer
from agents.decision.ensemble import EnsembleSystem, rules_for
from agents.decision.ladder import Ladder
from agents.decision.version import ModelVersion
from streams.columns import F64
from tests.agents.fake_models import FakeModels, Hanging, Raising, Silenced, Wrapped
from tests.models import SMALL, market, version

DEADLINE_S = 0.05
AMPLE_S = 20.0
RULES = EnsembleSystem(SMALL.outputs, members=rules_for(SMALL.outputs))


@pytest.fixture(scope="module")
def loaded() -> ModelVersion:
    """A champion of two members and a stacker."""
    return version(members=("lightgbm", "logistic")).load()


@pytest.fixture(scope="module")
def rows() -> tuple[F64, F64]:
    """Features that are ready."""
    values, price = market(SMALL, rows=400)
    return values[100:160], price[100:160]


class Bench:
    """A ladder with everything around it."""

    def __init__(self, deadline_s: float) -> None:
        self.models = FakeModels()
        self.now = 0.0
        self.ladder = Ladder(RULES, self.models, deadline_s=deadline_s, clock=lambda: self.now)

    def later(self, seconds: float) -> "Bench":
        """Time passes for the breakers."""
        self.now += seconds
        return self

    def ask(self, rows: tuple[F64, F64], *rungs: str) -> list[Answer]:
        """One slice; every record is in one answer."""
        answers = self.ladder.answer(rungs, *rows, (3, 1_000))
        places = np.concatenate([answer.rows for answer in answers])
        assert sorted(places.tolist()) == list(range(len(rows[1])))
        return answers


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Makes them; their threads end."""
    made: list[Bench] = []

    def make(deadline_s: float = AMPLE_S) -> Bench:
        made.append(Bench(deadline_s))
        return made[-1]

    yield make
    for each in made:
        each.ladder.close()


Make = Callable[..., Bench]


def reasons(answer: Answer) -> set[str | None]:
    """What it says of itself."""
    assert set(answer.decisions.fallback.tolist()) == {any(answer.decisions.reason)}
    return set(answer.decisions.reason)


def test_nothing_promoted(bench: Make, rows: tuple[F64, F64]) -> None:
    """The rules, in the caller's thread, without a copy of anything."""
    made = bench()
    (answer,) = made.ask(rows)
    assert answer.model == RULES.model
    expected = RULES.decide(*rows)
    assert answer.decisions.probability_up.tobytes() == expected.probability_up.tobytes()
    assert not answer.decisions.fallback.any()


def test_the_champion_answers(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """Its own decisions, to the last bit, and what its members said."""
    made = bench()
    model = made.models.add(loaded)
    (answer,) = made.ask(rows, model)
    expected = loaded.decide(*rows)
    assert answer.model == model
    assert answer.decisions.probability_up.tobytes() == expected.probability_up.tobytes()
    assert answer.decisions.reason == expected.reason
    assert answer.scores is not None
    assert answer.scores.probabilities.tobytes() == loaded.score(*rows).probabilities.tobytes()
    assert made.models.troubles == []


def test_a_hung_model_costs_one_deadline(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """Then its breaker is open, and the champion before it answers at once; back, it must show itself first."""
    made = bench(DEADLINE_S)
    hung = Hanging(loaded)
    model = made.models.add(hung)
    (answer,) = made.ask(rows, model)
    assert (answer.model, reasons(answer)) == (RULES.model, {"deadline"})
    assert made.models.kinds == [(model, "deadline")]
    assert made.models.troubles[0][1].offset == 1_000
    assert made.models.troubles[0][1].records == 60
    began = time.perf_counter()
    for _ in range(20):
        (answer,) = made.ask(rows, model)
        assert (answer.model, reasons(answer)) == (RULES.model, {"deadline"})
    assert time.perf_counter() - began < 20 * DEADLINE_S
    assert made.models.kinds == [(model, "deadline")] * 21
    assert hung.calls == 1
    made.now = 10.0
    made.ask(rows, model)
    assert hung.calls == 1  # the call that hung has not come back: it is not asked again
    made.now = 0.0
    hung.free.set()
    until(lambda: not made.ladder._posts[model].thread.busy)
    assert made.ask(rows, model)[0].model == RULES.model
    assert hung.calls == 1  # its pause is not over
    until(lambda: made.later(100.0).ask(rows, model) and hung.calls > 1)
    until(lambda: made.ask(rows, model)[0].model == model)


def test_the_previous_champion_is_next(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """With its own model's name, marked as a fallback."""
    made = bench()
    wrong = made.models.add(Raising(loaded, "raising@1"))
    before = made.models.add(loaded)
    (answer,) = made.ask(rows, wrong, before)
    assert (answer.model, reasons(answer)) == (before, {"error"})
    assert made.models.kinds == [(wrong, "error")]
    assert "out of memory" in made.models.troubles[0][1].detail
    expected = loaded.decide(*rows)
    assert answer.decisions.action.tolist() == expected.action.tolist()
    (answer,) = made.ask(rows, "away@1", before)
    assert (answer.model, reasons(answer)) == (before, {"missing"})
    (answer,) = made.ask(rows, "away@1", "gone@1")
    assert (answer.model, reasons(answer)) == (RULES.model, {"missing"})
    assert made.models.kinds == [(wrong, "error")]  # whoever manages models knows what is missing


def test_a_failing_member_is_left_out(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """The version answers with the others, and says whom it missed."""
    made = bench()
    model = made.models.add(Silenced(loaded))
    (answer,) = made.ask(rows, model)
    assert (answer.model, reasons(answer)) == (model, {"member:lightgbm"})
    assert made.models.kinds == [(model, "member")]
    assert made.models.troubles[0][1].records == 60
    expected = loaded.decide(*rows, without=frozenset({"lightgbm"}))
    assert answer.decisions.probability_up.tobytes() == expected.probability_up.tobytes()


def test_all_members_failing(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """The next rung answers; where none has anything to say, the version's own word stands."""
    made = bench()
    silent = Silenced(loaded)
    silent.members = 2
    model, before = made.models.add(silent), made.models.add(loaded)
    (answer,) = made.ask(rows, model, before)
    assert (answer.model, reasons(answer)) == (before, {"unusable"})
    (answer,) = made.ask(rows, model)
    assert (answer.model, reasons(answer)) == (RULES.model, {"unusable"})
    values, price = market(SMALL, rows=10)  # nobody's inputs are there
    (answer,) = made.ask((values[:3], price[:3]), model)
    assert answer.model == model
    assert set(answer.decisions.reason) == {"warming"}
    assert not answer.decisions.fallback.any()


def test_a_mixed_slice(bench: Make, rows: tuple[F64, F64]) -> None:
    """Each record from the highest rung that can say anything about it."""
    made = bench()
    lone = version(members=("logistic",), stacker=False).load()
    model = made.models.add(Wrapped(lone, "lone@1"))
    values, price = rows[0].copy(), rows[1].copy()
    needed = [SMALL.outputs.index(one.output) for one in lone.manifest.inputs]
    spare = next(place for place in needed if SMALL.outputs[place] not in {i for m in RULES.members for i in m.inputs})
    values[10:20, spare] = np.nan  # of the version's inputs, and none of the rules'
    values[30:33] = np.nan
    answers = made.ask((values, price), model)
    by_model = {
        (answer.model, *sorted(map(str, set(answer.decisions.reason)))): answer.rows.tolist() for answer in answers
    }
    assert by_model == {
        ("lone@1", "None"): [i for i in range(60) if not (10 <= i < 20 or 30 <= i < 33)],
        (RULES.model, "unusable"): list(range(10, 20)),
        ("lone@1", "warming"): [30, 31, 32],
    }


def test_a_shadow_is_heard_or_not(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """What it answers in time; its failure is reported and nobody else's."""
    made = bench()
    model = made.models.add(loaded)
    asked = made.ladder.beside(model, *rows)
    assert asked is not None
    heard = made.ladder.heard(asked, (0, 0))
    assert heard is not None
    assert heard.decisions.probability_up.tobytes() == loaded.decide(*rows).probability_up.tobytes()
    assert made.ladder.beside("away@1", *rows) is None
    wrong = made.models.add(Raising(loaded, "raising@1"))
    asked = made.ladder.beside(wrong, *rows)
    assert asked is not None
    assert made.ladder.heard(asked, (0, 0)) is None
    assert made.models.kinds == [(wrong, "error")]


def test_a_hung_shadow(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """Waited for once."""
    made = bench(DEADLINE_S)
    hung = Hanging(loaded)
    model = made.models.add(hung)
    asked = made.ladder.beside(model, *rows)
    assert asked is not None
    assert made.ladder.heard(asked, (0, 0)) is None
    assert made.models.kinds == [(model, "deadline")]
    assert made.ladder.beside(model, *rows) is None
    hung.free.set()


def test_threads_of_old_models_end(bench: Make, loaded: ModelVersion, rows: tuple[F64, F64]) -> None:
    """However many versions come and go."""
    made = bench()
    before = {thread.ident for thread in threading.enumerate()}
    for number in range(30):
        made.ask(rows, made.models.add(Wrapped(loaded, f"v@{number}")))
    until(lambda: len([t for t in threading.enumerate() if t.ident not in before]) <= 8)


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")
