"""The emission policy: which decisions become signals.

- `every`: each one.
- `change`: the first of a symbol, and each whose action is another than that of the symbol's last signal.
- `<n>ms`: the first of a symbol, and each at least n milliseconds of event time after its last signal.

Only event time and what was emitted count, so a replay emits the same signals.
"""

import re
from typing import Final, Literal, NamedTuple

from streams.errors import ConfigError

PATTERN: Final = r"^(every|change|[1-9][0-9]{0,8}ms)$"
NS_PER_MS: Final = 1_000_000
NEVER: Final = -(2**63)


class Emitted(NamedTuple):
    """A symbol's last signal."""

    action: int = -1
    """Code of its action; -1: none yet."""
    ts_ns: int = NEVER
    """Latest event time of the symbol then."""


NOTHING_YET: Final = Emitted()


class Emission(NamedTuple):
    """A policy."""

    kind: Literal["every", "change", "interval"] = "every"
    interval_ns: int = 0

    @property
    def remembers(self) -> bool:
        """Whether it must know a symbol's last signal."""
        return self.kind != "every"

    def emits(self, last: Emitted, action: int, ts_ns: int) -> bool:
        """Whether a decision becomes a signal.

        Args:
            last: the symbol's last signal.
            action: code of the decision's action.
            ts_ns: latest event time of the symbol.
        """
        if self.kind == "every" or last.action < 0:
            return True
        if self.kind == "change":
            return action != last.action
        return ts_ns >= last.ts_ns + self.interval_ns


def parse_emission(text: str) -> Emission:
    """The policy that HAYATE_EMIT names.

    Raises:
        ConfigError: it is none.
    """
    if not re.fullmatch(PATTERN, text):
        raise ConfigError(f"HAYATE_EMIT={text}: give every, change, or the least interval of a symbol such as 500ms")
    if text in ("every", "change"):
        return Emission("every" if text == "every" else "change")
    return Emission("interval", int(text.removesuffix("ms")) * NS_PER_MS)
