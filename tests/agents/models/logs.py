"""Logs of promotions for the tests, and the slow reading of what they mean."""

from collections.abc import Sequence

from hypothesis import strategies as st

from agents.decision.models import Assignment
from agents.models.history import History
from agents.models.plan import PartitionPlan
from agents.models.records import ROLES, Amendment, Promotion, Record, Role

MODELS = tuple(f"{name}@{digit * 12}" for name, digit in (("a", "a"), ("b", "b"), ("c", "c")))
PARTITIONS = 2


def promotion(
    id_: str, model: str | None, *firsts: int, role: Role = "champion", share: float = 0.0, answers: str | None = None
) -> Promotion:
    """One that begins at `firsts`, by partition."""
    return Promotion(
        id=id_,
        role=role,
        model=model,
        share=share,
        first=dict(enumerate(firsts)),
        automatic=answers is not None,
        answers=answers,
        reason="",
        by="test",
    )


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Promotions with ids in their order (some twice), rollbacks of any of them, amendments of any."""
    offset = st.integers(0, 60)
    found: list[Record] = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["promotion", "promotion", "rollback", "amendment"]))
        earlier = f"p{draw(st.integers(0, max(number, 1)))}"
        if kind == "amendment":
            found.append(Amendment(promotion=earlier, partition=draw(st.integers(0, PARTITIONS)), first=draw(offset)))
            continue
        role: Role = draw(st.sampled_from(ROLES))
        model = draw(st.sampled_from([*MODELS, None]))
        firsts = draw(st.lists(offset, min_size=PARTITIONS, max_size=PARTITIONS))
        id_ = draw(st.sampled_from([f"p{number}", f"p{number}", f"p{number}", earlier]))
        answers = earlier if kind == "rollback" else None
        found.append(promotion(id_, model, *firsts, role=role, share=draw(st.floats(0, 1)), answers=answers))
    return found


def read(log: Sequence[Record], partition: int = 0) -> PartitionPlan:
    """The plan of somebody who reads the whole log before the first record."""
    history, plan = History(), PartitionPlan(partition)
    for record in log:
        if isinstance(record, Amendment):
            if record.partition == partition:
                plan.amend(record)
        elif (step := history.add(record)) is not None:
            plan.add(step)
    return plan


def slowly(log: Sequence[Record], partition: int, offset: int) -> Assignment:
    """What a log says about one record, straight from the definition."""
    holding: list[Promotion] = []
    newest: dict[str, str] = {}
    ids: set[str] = set()
    firsts: dict[str, int] = {}
    for record in log:
        if isinstance(record, Amendment):
            known = next((each for each in holding if each.id == record.promotion), None)
            if known is not None and record.partition == partition and record.promotion not in firsts:
                firsts[record.promotion] = max(record.first, known.first[partition])
        elif record.id not in ids:
            ids.add(record.id)
            if record.answers is None or newest.get(record.role) == record.answers:
                holding.append(record)
                newest[record.role] = record.id
    serving: dict[str, Promotion] = {}
    for each in holding:
        if firsts.get(each.id, each.first[partition]) <= offset:
            serving[each.role] = each
    models = {role: each.model for role, each in serving.items()}
    champion, canary, challenger = (models.get(role) for role in ROLES)
    canary = None if canary == champion else canary
    challenger = None if challenger in {champion, canary} else challenger
    return Assignment(champion, canary, serving["canary"].share if canary else 0.0, challenger)
