"""The compiled fold and the slow one side by side, over columns of one symbol or several."""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from streams.audit.event import events_of
from streams.audit.outputs import expected, followed
from streams.audit.symbol import Recomputed
from streams.columns import APPLIED, Folded, TickColumns

S = 1_000_000_000


def disagreements(
    symbols: Sequence[str],
    columns: TickColumns,
    folded: Folded,
    make: Callable[[str], Recomputed],
    *,
    every: int = 1,
    known: dict[str, Recomputed] | None = None,
) -> tuple[list[str], int]:
    """What the slow fold does not allow of what the kernel gave, in words; and how many values it said something of.

    `known`: where the recomputations are kept, to go on with them or to have begun them elsewhere.
    """
    found: list[str] = []
    said = 0
    known = {} if known is None else known
    for i, (symbol, event) in enumerate(zip(symbols, events_of(columns), strict=True)):
        recomputed = known.get(symbol)
        if recomputed is None:
            recomputed = known[symbol] = make(symbol)
        verdict = recomputed.fold(event)
        if (verdict == "applied") != (folded.verdict[i] == APPLIED):
            found.append(f"{i} {symbol}: {verdict}, not {folded.verdict[i]}")
        if verdict != "applied":
            if verdict == "warm":
                expected(recomputed, followed(recomputed.set))  # what remembers is to be looked at after every tick
            continue
        np.testing.assert_equal(folded.price[i], recomputed.memory.price)
        wanted = expected(recomputed, None if i % every == 0 else followed(recomputed.set))
        for output, (claim, flag) in wanted.items():
            j = recomputed.set.outputs.index(output)
            value, code = float(folded.values[i, j]), int(folded.flags[i, j])
            said += claim is not None or flag is not None
            if claim is not None and not claim.allows(value):
                found.append(f"{i} {symbol} {output}: {value!r}, not {claim}, flags {code} {flag}")
            if flag is not None and flag != code:
                found.append(f"{i} {symbol} {output}: flag {code}, not {flag}, {value!r} {claim}")
    return found, said


def number(value: float | None) -> float:
    """None as NaN."""
    return nan if value is None else value
