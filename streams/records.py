"""The records of every topic, as frozen typed Structs (contract: docs/records.md).

Times are int64 nanoseconds since the epoch, UTC, in names ending `_ns`. Unknown fields are ignored.
"""

from typing import Annotated, Final, Literal

import msgspec

# Kafka header names.
KIND: Final = "kind"
"""Absent on ticks; `clock` and `reference` mark records that yield no feature record of their own."""
SENT_NS: Final = "sent_ns"
"""Producer's clock just before the send, decimal nanoseconds; carried on through features and signals."""
SOURCE: Final = "src"
"""Offset, in the input topic, of the record that caused this one."""
PART: Final = "part"
"""Where one record causes several of one topic (bars): which of them this is."""
PREVIOUS: Final = "prev"
"""`src` of the record before this one in the same output partition (-1 for the first): a break shows a hole."""

SYMBOL_PATTERN: Final = r"^[A-Za-z0-9._/-]{1,32}$"
MAX_TICK_BYTES: Final = 65_536

MAX_CONDITION: Final = 16
MAX_CONDITIONS: Final = 16
Condition = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CONDITION)]
Conditions = Annotated[tuple[Condition, ...], msgspec.Meta(max_length=MAX_CONDITIONS)]

Side = Literal["buy", "sell"]
Action = Literal["buy", "sell", "hold"]


class Tick(msgspec.Struct, frozen=True, gc=False):
    """One event of a market: a trade where it has a price, (also) a quote where it has bid and ask.

    Exactly one of `ts_ns` and `ts` (RFC 3339) is given; prices are in units of the quote currency and > 0, sizes in
    units of the instrument and >= 0; `seq` is the venue's sequence number or trade id; `conditions` are the venue's
    flags, at most 16 of at most 16 characters.
    """

    symbol: str
    ts_ns: int | None = None
    ts: str | None = None
    price: float | None = None
    size: float = 0.0
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    side: Side | None = None
    seq: int | str | None = None
    venue: str | None = None
    clock: str = "main"
    conditions: Conditions = ()


class Signal(msgspec.Struct, frozen=True):
    """One decision: what to do about `symbol` given the feature record `id`, and why."""

    id: str
    symbol: str
    ts_ns: int
    action: Action
    probability_up: float
    confidence: float
    expected_return_bps: float | None
    risk: float | None
    horizon_ms: int
    model: str
    fallback: bool
    reason: str | None
    members: dict[str, float | None]
    weights: dict[str, float]
    schema: str
    high: bool = False
    """Whether the decision is in its model's high-confidence tier; records from before there were tiers lack it."""


class Alert(msgspec.Struct, frozen=True):
    """Something that a person should know. Value of a record of the `alerts` topic."""

    id: str
    """That of the causing feature record and the kind."""
    kind: str
    """Of agents/alerting/kinds.py, or `audit-` and a kind of the audit."""
    symbol: str
    ts_ns: int
    severity: str
    """`info`, `warning` or `error`."""
    message: str
    numbers: dict[str, dict[str, float | str | None]]
    """What is behind it: output, field or figure -> its parts, such as `value` and `limit`."""


# Codes of the flag of one value, in the order in which they worsen a record's status.
READY: Final = 0
STALE: Final = 1
GAPPED: Final = 2
WARMING: Final = 3
# These two say why a value is null and do not count for the record's status.
UNDEFINED: Final = 4
UNAVAILABLE: Final = 5

FLAG_NAMES: Final = ("ready", "stale", "gapped", "warming", "undefined", "unavailable")
