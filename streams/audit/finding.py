"""What the audit found: one alert's worth."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.records import Alert

PREFIX: Final = "audit-"
"""Of the kinds of our alerts."""


class Finding(NamedTuple):
    """Differences of one symbol that have one kind."""

    kind: str
    """Of streams/audit/diagnosis.py, or `version`, `record`, `missing`, `extra`, `copy`, `store`."""
    symbol: str
    id: str
    """Of the first feature record concerned."""
    ts_ns: int
    message: str
    numbers: Mapping[str, Mapping[str, float | str | None]]
    """Output or field -> `served`, `expected`, `slack`, `why`."""


def alert_of(finding: Finding) -> Alert:
    """The alert; its id is that of the causing record and the kind."""
    kind = f"{PREFIX}{finding.kind}"
    return Alert(
        id=f"{finding.id}|{kind}",
        kind=kind,
        symbol=finding.symbol,
        ts_ns=finding.ts_ns,
        severity="error",
        message=finding.message,
        numbers={name: dict(numbers) for name, numbers in finding.numbers.items()},
    )
