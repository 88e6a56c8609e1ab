"""What is asked of every indicator's step, whatever it computes; driven without the kernel."""

from collections.abc import Callable

import numpy as np

from streams.columns import F64
from streams.indicators.indicator import Indicator
from tests.streams.indicators.stepping import Definition, Steps, drive, served

Slack = Callable[[Steps, Indicator], F64 | float]
"""How far values may be from the definition beyond the relative error: [n], [n, outputs] or one number."""


def same_bits(a: F64, b: F64) -> bool:
    """Whether two float64 arrays are equal bit for bit."""
    return a.shape == b.shape and bool(np.array_equal(a.view(np.uint64), b.view(np.uint64)))


def spread_out(slack: F64 | float, rows: F64) -> F64:
    """`slack` in the shape of `rows`."""
    return np.broadcast_to(np.asarray(slack).T, rows.T.shape).T


def assert_near(ours: F64, expected: F64, relative: float, slack: F64 | float, what: str) -> None:
    """NaN where NaN is expected and nowhere else, and near where not."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected), err_msg=f"{what}: NaN")
    wrong = np.abs(ours - expected) > spread_out(slack, ours) + relative * np.abs(expected)
    assert not wrong.any(), f"{what} at {np.argwhere(wrong)[:3].tolist()}: {ours[wrong][:3]}, not {expected[wrong][:3]}"


def assert_defined(
    indicator: Indicator, steps: Steps, definition: Definition, slack: Slack, relative: float = 1e-11
) -> F64:
    """After every step the values are the definition's; returns them."""
    ours = served(indicator, drive(indicator, steps))
    expected = np.array(definition(steps, *indicator.parameters))
    assert_near(ours, expected, relative, slack(steps, indicator), indicator.name)
    return ours


def assert_warm_up(indicator: Indicator, steps: Steps, definition: Definition) -> None:
    """The definition has its first value of each output at the very step that the warm-up says."""
    expected = np.array(definition(steps, *indicator.parameters))
    for j, needed in enumerate(indicator.warmup):
        assert np.isnan(expected[: needed - 1, j]).all(), indicator.outputs[j]
        assert np.isfinite(expected[needed - 1 :, j]).all(), indicator.outputs[j]


def assert_interpreted_as_compiled(indicator: Indicator, steps: Steps) -> None:
    """Plain Python and machine code give the same bits, in the outputs and in the state."""
    runs = []
    for interpreted in (False, True):
        state = np.zeros(indicator.state_size)
        runs.append((drive(indicator, steps, state, interpreted=interpreted), state))
    (compiled, compiled_state), (plain, plain_state) = runs
    assert same_bits(served(indicator, plain), served(indicator, compiled))
    assert same_bits(plain_state, compiled_state)


def assert_goes_on_from_a_copy(indicator: Indicator, steps: Steps, cut: int) -> None:
    """State and outputs copied after `cut` steps go on bit for bit."""
    whole = drive(indicator, steps)
    state = np.zeros(indicator.state_size)
    out = np.zeros(len(indicator.outputs))
    drive(indicator, steps.first(cut), state, out)
    rest = Steps(**{name: steps[name][cut:] for name in ("count", "previous", *indicator.family.inputs)})
    assert same_bits(drive(indicator, rest, state.copy(), out.copy()), whole[cut:])


def assert_no_drift(
    indicator: Indicator, steps: Steps, definition: Definition, tail: int, slack: Slack, relative: float = 1e-11
) -> None:
    """After a long run the last values are those of a definition that knows the last `tail` steps only."""
    ours = served(indicator, drive(indicator, steps))
    last = Steps(**{name: steps[name][-tail:] for name in ("open", "high", "low", "close", "volume")})
    expected = np.array(definition(last, *indicator.parameters))
    allowed = spread_out(slack(last, indicator), expected)
    assert_near(ours[-20:], expected[-20:], relative, allowed[-20:], indicator.name)
