"""What of a record is not as it must be."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import NamedTuple

from streams.audit.event import Event
from streams.audit.model import Expected
from streams.audit.served import CODES, Served, worst
from streams.records import FLAG_NAMES


class Difference(NamedTuple):
    """One number, flag or field that differs."""

    output: str
    """Of the feature set, or the record's field: `schema`, `outputs`, `id`, `ts_ns`, `price`, `status`."""
    what: str
    """`value`, `flag` or `field`."""
    served: float | str | None
    expected: float | str | None
    slack: float = 0.0


def field_differences(
    served: Served, event: Event, id_: str, symbol: str, price: float, schema: str, outputs: Sequence[str]
) -> list[Difference]:
    """What of a record's own fields differs; values and flags are not looked at."""
    shown = nan if served.price is None else served.price
    asked: list[tuple[str, float | str | None, float | str | None]] = [
        ("schema", served.schema, schema),
        ("outputs", " ".join(served.values), " ".join(outputs)),
        ("id", served.id, id_),
        ("symbol", served.symbol, symbol),
        ("ts_ns", served.ts_ns, event.ts_ns),
        ("price", repr(shown), repr(price)),
        ("status", served.status, worst(list(served.flags.values()))),
    ]
    return [Difference(name, "field", have, must) for name, have, must in asked if have != must]


def value_differences(served: Served, expected: Mapping[str, Expected]) -> list[Difference]:
    """The outputs whose value or flag is not right."""
    found = []
    for output, (claim, flag) in expected.items():
        number = served.values.get(output)
        value = nan if number is None else number
        if claim is not None and not claim.allows(value):
            found.append(Difference(output, "value", number, claim.value, claim.slack))
        name = served.flags.get(output, FLAG_NAMES[0])
        if flag is not None and CODES.get(name) != flag:
            found.append(Difference(output, "flag", name, FLAG_NAMES[flag]))
    return found
