"""What the numbers of a difference say."""

from math import nan, sqrt

import pytest

from streams.audit.diagnosis import Sample, diagnose


def kind(samples: list[Sample], **more: object) -> str:
    given = {"recursive": True, "by_session": False, "session_off": False, "agreed": 0, "seconds": False} | more
    return diagnose(samples, **given)[0]  # type: ignore[arg-type]


def samples(served: list[float], expected: list[float], before: list[float] | None = None) -> list[Sample]:
    steps = zip(served, expected, before or [nan] * len(served), strict=True)
    return [Sample(i, s, e, b, 1e-12) for i, (s, e, b) in enumerate(steps)]


def test_a_factor_is_a_scale_and_degrees_of_freedom_are_called_so() -> None:
    right = [1.0, 2.0, 1.5, 3.0, 2.5, 1.25, 4.0]
    found = diagnose(
        samples([v * sqrt(20 / 19) for v in right], right),
        recursive=False, by_session=False, session_off=False, agreed=9, seconds=False,
    )  # fmt: skip
    assert found.kind == "scale"
    assert "sqrt(20 / 19)" in found.why
    assert "degrees of freedom" in found.why
    assert kind(samples([v * 1.01 for v in right], right)) == "scale"


def test_values_of_the_step_before_are_a_lag() -> None:
    right = [float(v) for v in (3, 1, 4, 1, 5, 9, 2, 6)]
    assert kind(samples(right[:-1], right[1:], right[:-1])) == "lag"


def test_an_error_that_fades_is_a_seed_where_the_definition_never_forgets() -> None:
    right = [float(v) for v in (30, 10, 40, 10, 50, 90, 20)]
    served = [v + 0.8**i for i, v in enumerate(right)]
    assert kind(samples(served, right)) == "seed"
    assert kind(samples(served, right), recursive=False) == "definition"


@pytest.mark.parametrize("hours", [1, -9, 9, 5.5])
def test_a_clock_off_by_quarters_of_an_hour_is_a_zone(hours: float) -> None:
    right = [100.0 + i for i in range(3)]
    served = [(v + hours * 3600) % 86_400 for v in right]
    found = diagnose(samples(served, right), recursive=True, by_session=True, session_off=True, agreed=0, seconds=True)
    assert found.kind == "zone"
    assert f"{hours:+g} h" in found.why
    assert kind(samples([nan], [5.0]), seconds=True, by_session=True) == "zone"


def test_what_parts_at_a_session_or_with_its_clock_is_a_zone_and_else_a_definition() -> None:
    odd = samples([1.0, 7.0], [2.0, 3.0])
    assert kind(odd, by_session=True, agreed=100) == "zone"
    assert kind(odd, by_session=True, session_off=True) == "zone"
    assert kind(odd, by_session=True) == "definition"


def test_few_samples_say_nothing_but_that_they_differ() -> None:
    assert kind(samples([2.0] * 3, [1.0] * 3)) == "definition"
    same_step = [Sample(1, 2.0, 1.0, nan, 0.0)] * 50
    assert kind(same_step) == "definition"
