"""The plan of a partition: a function of the log, to the last record, also for who was late."""

import random

from hypothesis import given
from hypothesis import strategies as st

from agents.decision.models import RULES_ONLY, Assignment
from agents.models.history import History
from agents.models.plan import PartitionPlan, Rollback, canary_takes
from agents.models.records import Amendment, Promotion, Record
from tests.agents.models.logs import MODELS, PARTITIONS, logs, promotion, read, slowly

A, B, C = MODELS
LAST = 80


@given(logs(), st.integers(0, PARTITIONS - 1))
def test_the_plan_is_what_the_log_says(log: list[Record], partition: int) -> None:
    plan = read(log, partition)
    assert [plan.look(offset) for offset in range(LAST)] == [slowly(log, partition, o) for o in range(LAST)]


@given(logs(), st.integers(0, LAST), st.integers(0, LAST))
def test_a_batch_is_cut_where_the_plan_changes(log: list[Record], one: int, other: int) -> None:
    plan, (first, last) = read(log), sorted((one, other))
    changes = plan.changes(first, last)
    firsts = [at for at, _ in changes]
    assert firsts == sorted({first, *firsts})
    assert all(first <= at <= last for at in firsts)
    cut = {offset: max((at, assigned) for at, assigned in changes if at <= offset)[1] for offset in range(first, last)}
    assert cut == {offset: plan.look(offset) for offset in range(first, last)}
    assert plan.passed == last


def test_nothing_promoted_means_the_rules() -> None:
    plan = PartitionPlan(0)
    assert plan.changes(5, 9) == [(5, RULES_ONLY)]
    assert plan.previous(9) is None
    assert plan.ahead(0) == [RULES_ONLY]


class Live:
    """A worker that processes one partition, and hears of each record of the log some time after it was written."""

    def __init__(self, log: list[Record]) -> None:
        self.history, self.plan, self.log = History(), PartitionPlan(0), log
        self.heard = 0
        self.served: dict[int, Assignment] = {}

    def hear(self) -> None:
        """Of the next record; what is too late for is amended at once."""
        record = self.log[self.heard]
        self.heard += 1
        if isinstance(record, Amendment):
            assert self.plan.amend(record)
        elif (step := self.history.add(record)) is not None:
            amendment = self.plan.add(step)
            if amendment is not None:
                self.log.append(amendment)

    def work(self, first: int, last: int) -> None:
        """Serve a batch."""
        changes = self.plan.changes(first, last)
        for offset in range(first, last + 1):
            self.served[offset] = [assigned for at, assigned in changes if at <= offset][-1]


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_a_replay_repeats_what_was_served_however_late_a_worker_heard(seed: int, promotions: int) -> None:
    """Promotions at random offsets, heard of at random moments between random batches: who reads the whole log
    afterwards finds every record served as it was. Nothing ever waited."""
    rng = random.Random(seed)
    log: list[Record] = []
    live, offset, made = Live(log), 0, 0
    while made < promotions or live.heard < len(log):
        match rng.randrange(3):
            case 0 if made < promotions:
                answers = rng.choice([None, None, f"p{made - 1}"])
                role = rng.choice(["champion", "canary", "challenger"])
                first = max(0, offset + rng.randint(-10, 20))
                log.append(
                    promotion(f"p{made}", rng.choice(MODELS), first, role=role, share=0.5, answers=answers)  # type: ignore[arg-type]
                )
                made += 1
            case 1 if live.heard < len(log):
                live.hear()
            case _:
                size = rng.randint(1, 8)
                live.work(offset, offset + size - 1)
                offset += size
    again = read(log)
    assert live.served == {at: again.look(at) for at in live.served}


def test_a_late_worker_goes_on_as_it_was_and_says_where_it_switches() -> None:
    history, plan = History(), PartitionPlan(3)
    plan.changes(0, 99)
    late = Promotion(id="p", role="champion", model=A, first={3: 50})
    step = history.add(late)
    assert step is not None
    amendment = plan.add(step)
    assert amendment == Amendment(promotion="p", partition=3, first=200)
    assert plan.look(60).champion is None
    assert plan.changes(150, 250) == [(150, RULES_ONLY), (200, Assignment(A))]
    assert plan.amend(amendment)


def test_of_two_amendments_the_first_wins_and_a_settled_difference_is_told() -> None:
    for passed, agreed in ((15, True), (35, False)):
        history, plan = History(), PartitionPlan(0)
        plan.changes(0, 9)
        step = history.add(promotion("p", A, 5))
        assert step is not None
        assert plan.add(step) == Amendment(promotion="p", partition=0, first=20)
        plan.changes(10, passed)
        assert plan.amend(Amendment(promotion="p", partition=0, first=30)) is agreed
        assert plan.amend(Amendment(promotion="p", partition=0, first=20))
        assert [plan.look(at).champion for at in (29, 30)] == [None, A]


def test_a_partition_that_a_promotion_does_not_name_stays_as_it_is() -> None:
    plan = read([promotion("p", A, 1)], partition=1)
    assert plan.look(99) == RULES_ONLY


def test_the_one_before() -> None:
    """What is previous of a rollback is what was before the one it brought back, never the one it took back."""
    log = [promotion("p0", A, 0), promotion("p1", B, 10), promotion("p2", B, 20), promotion("p3", C, 30)]
    plan = read(log)
    assert [plan.previous(offset) for offset in (0, 10, 20, 30)] == [None, A, A, B]
    plan = read([*log, promotion("r0", B, 40, answers="p3")])
    assert (plan.look(40).champion, plan.previous(40)) == (B, A)
    plan = read([*log, promotion("r0", B, 40, answers="p3"), promotion("r1", A, 50, answers="r0")])
    assert (plan.look(50).champion, plan.previous(50)) == (A, None)
    assert read([promotion("p0", A, 0), promotion("p1", None, 5)]).previous(5) == A


def test_of_several_rollbacks_of_one_promotion_the_first_holds() -> None:
    log = [
        promotion("p0", A, 0),
        promotion("p1", B, 10),
        promotion("r0", A, 20, answers="p1"),
        promotion("r1", A, 25, answers="p1"),
        promotion("p2", C, 30),
        promotion("r2", B, 40, answers="r0"),
    ]
    plan = read(log)
    assert [plan.look(offset).champion for offset in (19, 20, 30, 40)] == [B, A, C, C]
    assert plan.rollbacks(0, 99) == [Rollback(20, "champion", B, A, "")]
    assert plan.rollbacks(21, 99) == []


def test_a_model_has_one_role_at_a_time() -> None:
    log = [
        promotion("p0", A, 0),
        promotion("p1", B, 10, role="canary", share=0.1),
        promotion("p2", C, 10, role="challenger"),
        promotion("p3", B, 20),
        promotion("p4", C, 30, role="canary", share=0.2),
    ]
    plan = read(log)
    assert plan.look(10) == Assignment(A, B, 0.1, C)
    assert plan.look(20) == Assignment(B, None, 0.0, C)
    assert plan.look(30) == Assignment(B, C, 0.2, None)


@given(st.text(min_size=1, max_size=32), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_canary_keeps_the_symbols_of_a_smaller_one(symbol: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert not canary_takes(symbol, 0.0)
    assert canary_takes(symbol, 1.0)
    assert canary_takes(symbol, large) or not canary_takes(symbol, small)


def test_a_canary_takes_its_share() -> None:
    taken = sum(canary_takes(f"SIM{number:05d}", 0.1) for number in range(10_000))
    assert 880 < taken < 1_120  # four standard deviations
    assert not canary_takes("SIM00001", 0.1), "for ever: a symbol never changes sides"
    assert canary_takes("SIM00001", 0.9)


def test_an_amendment_never_begins_before_what_was_promised() -> None:
    plan = read([promotion("p", A, 50), Amendment(promotion="p", partition=0, first=20)])
    assert [plan.look(at).champion for at in (20, 49, 50)] == [None, None, A]
