"""No false alarm: simulated and real markets, from their start and from rows, without a single difference.

`AUDIT_TICKS=1000000` audits a million; `python -m tests.benchmarks.audit` does the same and shows it by market.
"""

import os

from tests.benchmarks.audit import run

TICKS = int(os.environ.get("AUDIT_TICKS", "100000"))


def test_there_is_no_difference_in_what_the_engine_serves() -> None:
    outcomes = dict(run(TICKS * 2 // 3, every=100))
    assert {name: outcome.findings for name, outcome in outcomes.items() if outcome.findings} == {}
    assert sum(outcome.ticks for outcome in outcomes.values()) >= TICKS * 0.99
    from_start = [outcome for name, outcome in outcomes.items() if name.endswith("start")]
    assert all(outcome.unclaimed < 0.02 * outcome.values for outcome in from_start)
