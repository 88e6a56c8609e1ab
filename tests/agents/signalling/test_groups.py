"""Who serves which record: every record in one group, by the plan at its own offset, however batches are cut."""

from hypothesis import given
from hypothesis import strategies as st

from agents.decision.models import Assignment, FixedPlan
from agents.models.plan import canary_takes
from agents.signalling.groups import stretches
from tests.agents.fake_models import FakeModels

models = st.sampled_from([None, "a@1", "b@1"])
assignments = st.builds(
    Assignment, champion=models, canary=models, canary_share=st.sampled_from([0.0, 0.3, 1.0]), challenger=models
)
plans = st.dictionaries(st.integers(0, 60), assignments, max_size=4)


@given(
    plans,
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ABCDEFG")), min_size=1, unique_by=lambda each: each[0]),
    models,
)
def test_every_record_is_served_once(
    plan: dict[int, Assignment], records: list[tuple[int, str]], before: str | None
) -> None:
    """By the canary for its symbols, else by the champion, else by the rules; lower rungs follow, none twice."""
    records = sorted(records)
    offsets, symbols = [offset for offset, _ in records], [symbol for _, symbol in records]
    world = FakeModels(assigned=FixedPlan(*sorted(plan.items())), before=before)
    seen = []
    for stretch in stretches(world, 0, offsets, symbols):
        inside = sorted(row for group in stretch.groups for row in group.rows.tolist())
        assert inside == stretch.rows.tolist()
        seen += inside
        for group in stretch.groups:
            assert len(set(group.rungs)) == len(group.rungs)
            for row in group.rows.tolist():
                assigned = world.assigned.at(offsets[row])
                assert stretch.challenger == assigned.challenger
                taken = assigned.canary is not None and canary_takes(symbols[row], assigned.canary_share)
                first = assigned.canary if taken else assigned.champion
                assert group.rungs[:1] == (() if first is None else (first,))
                if not taken and first is None:
                    assert group.rungs == ()
    assert seen == list(range(len(records)))
