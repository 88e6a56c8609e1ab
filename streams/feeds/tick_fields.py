"""From the fields of one line of a file to a checked tick, or to what is wrong with them."""

import math
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from streams.records import MAX_CONDITION, MAX_CONDITIONS, SYMBOL_PATTERN, Tick

TEXTS: Final = ("symbol", "venue", "clock")
PRICES: Final = ("price", "bid", "ask")
SIZES: Final = ("size", "bid_size", "ask_size")
FIELDS: Final = (*TEXTS, *PRICES, *SIZES, "side", "seq", "conditions", "ts", "ts_ns")
"""The fields of a tick that a column can give."""

_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_EXACT: Final = 2**53


class BadValueError(Exception):
    """What is wrong with one line: the field or column (None: the line as a whole), its value and why."""

    def __init__(self, column: str | None, value: object, why: str) -> None:
        super().__init__(why)
        self.column = column
        self.value = value
        self.why = why


def is_symbol(text: str) -> bool:
    """Whether a tick can have this symbol."""
    return _SYMBOL.fullmatch(text) is not None


def make_tick(fields: dict[str, Any], symbol: str | None = None) -> Tick:
    """Make a tick of fields of the right types, `ts` in nanoseconds like `ts_ns`; `symbol` where they name none.

    Raises:
        BadValueError: a value is out of range or missing.
    """
    given = fields.setdefault("symbol", symbol)
    if given is None:
        raise BadValueError("symbol", None, "missing: add it, or give the symbol of the file")
    if given != symbol and not is_symbol(given):
        raise BadValueError("symbol", given, "not 1 to 32 of A-Z a-z 0-9 . _ / -")
    ts = fields.pop("ts", None)
    if (ts is None) == ("ts_ns" not in fields):
        raise BadValueError("ts", ts, "exactly one of ts and ts_ns is needed")
    if ts is not None:
        fields["ts_ns"] = ts
    if not 0 < fields["ts_ns"] < 2**63:
        column = "ts_ns" if ts is None else "ts"
        raise BadValueError(column, fields["ts_ns"], "not between 1970 and 2262: 1 to 2^63-1 nanoseconds")
    get = fields.get
    for name in PRICES:
        value = get(name)
        if value is not None and not 0 < value < math.inf:
            raise BadValueError(name, value, "not a finite number above 0")
    for name in SIZES:
        value = get(name)
        if value is not None and not 0 <= value < math.inf:
            raise BadValueError(name, value, "not a finite number of 0 or more")
    if "price" not in fields and not ("bid" in fields and "ask" in fields):
        raise BadValueError("price", None, "missing: a tick has a price, or bid and ask, or all three")
    return Tick(**fields)


def number(text: str) -> float:
    """The text of a cell as a float.

    Raises:
        ValueError: it is none.
    """
    try:
        if "_" not in text:  # float() takes 1_000, no other program does
            return float(text)
    except ValueError:
        pass
    raise ValueError("not a number")


def integer(text: str) -> int:
    """The text of a cell as whole nanoseconds.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(r"\s*[+-]?\d{1,20}\s*", text, re.ASCII):
        return int(text)
    raise ValueError("not a whole number of nanoseconds")


def side(text: str) -> str:
    """`buy` or `sell`.

    Raises:
        ValueError: anything else.
    """
    if text in ("buy", "sell"):
        return text
    raise ValueError("neither buy nor sell")


def sequence(text: str) -> int | str:
    """A venue's number: digits as an integer, anything else as it is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def conditions(text: str) -> tuple[str, ...]:
    """The venue's condition codes, with spaces or semicolons between them.

    Raises:
        ValueError: there are more, or longer ones, than a tick can have.
    """
    return _checked(tuple(text.replace(";", " ").split()))


CELLS: Final[dict[str, Callable[[str], object]]] = {
    **dict.fromkeys(TEXTS, sys.intern),
    **dict.fromkeys((*PRICES, *SIZES), number),
    "side": side,
    "seq": sequence,
    "conditions": conditions,
    "ts_ns": integer,
}
"""How the text of a cell becomes the value of each field but `ts` (streams/feeds/event_times.py)."""


def typed_text(value: object) -> str:
    """A text, or a whole number as one: 7203.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("not a text")


def typed_number(value: object) -> float:
    """A number, or the text of one, as a float.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str):
        return number(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("not a finite number") from None
    raise ValueError("not a number")


def typed_integer(value: object) -> int:
    """A whole number, or the text of one.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return integer(value if isinstance(value, str) else "")


def typed_side(value: object) -> str:
    """`buy` or `sell`.

    Raises:
        ValueError: anything else.
    """
    return side(value if isinstance(value, str) else "")


def typed_sequence(value: object) -> int | str:
    """A whole number or a text; a float that is whole, as tables with empty cells hold them, is one too.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str):
        return sequence(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("neither a whole number nor a text")


def typed_conditions(value: object) -> tuple[str, ...]:
    """A list of texts or whole numbers, or all of them in one text.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, list | tuple):
        return _checked(tuple(typed_text(one) for one in value))
    return conditions(typed_text(value))


def _checked(codes: tuple[str, ...]) -> tuple[str, ...]:
    if len(codes) > MAX_CONDITIONS or not all(0 < len(code) <= MAX_CONDITION for code in codes):
        raise ValueError(f"not at most {MAX_CONDITIONS} codes of 1 to {MAX_CONDITION} characters")
    return codes


VALUES: Final[dict[str, Callable[[Any], object]]] = {
    **dict.fromkeys(TEXTS, typed_text),
    **dict.fromkeys((*PRICES, *SIZES), typed_number),
    "side": typed_side,
    "seq": typed_sequence,
    "conditions": typed_conditions,
    "ts_ns": typed_integer,
}
"""The same for values that have a type already, of JSON lines with a mapping and of Parquet."""
