"""Where in the session the tick stands.

`session_time`, by the exchange calendar and the tick's event time:

- `session_seconds`: seconds since the session's open, >= 0; a lunch break counts;
- `session_phase`: 0 closed, 1 open, 2 break.

- State: none.
- Warm-up: 1 tick.
- Flat market: the price plays no part.
- Undefined: `session_seconds` outside of any session.
- Source: the exchange calendar.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, since_open: float, phase: int) -> None:
    """Take one tick."""
    out[0] = since_open
    out[1] = phase


SESSION_TIME: Final = Family(
    name="session_time",
    outputs=("session_seconds", "session_phase"),
    parameters=(),
    short=True,
    inputs=("since_open", "phase"),
    state_size=lambda: 0,
    warmup=lambda: (1, 1),
    step=step,
    group="context",
    on="tick",
)
