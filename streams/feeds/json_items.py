"""How the items of a JSON message become ticks: used for WebSocket messages and for polled documents."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from streams.errors import ConfigError
from streams.feeds.event_times import TimeFormat
from streams.feeds.json_path import MISSING, getter
from streams.feeds.tick_fields import VALUES, BadValueError, make_tick, typed_sequence, typed_text
from streams.feeds.venue import Unreadable
from streams.feeds.venues.adapter import shortened
from streams.records import Tick

NUMBERS: Final = ("price", "size", "bid", "ask", "bid_size", "ask_size")
PATHS: Final = ("symbol", *NUMBERS, "side", "seq", "conditions", "time")
"""Fields of a tick that a path can give."""
OPTIONS: Final = ("each", "time_unit", "time_format", "time_zone", "sides", "side_of")
KEYS: Final = (*PATHS, *OPTIONS)
ROOT: Final = "$."
_SIDES: Final = {"buy": "buy", "sell": "sell", "BUY": "buy", "SELL": "sell", "Buy": "buy", "Sell": "sell"}
_OTHER: Final = {"buy": "sell", "sell": "buy"}
MAX_SEQ: Final = 256
"""A longer text identifies nothing, and a record that it does not fit into would end the feed."""
_SHOWN: Final = 100

Symbols = Callable[[str], str | None]
"""The venue's spelling -> ours; None for a symbol that was not asked for."""


class ItemMapping:
    """One table of a mapping file: where in an item each field of its tick stands.

    `each` is the path of the array (or of the object, whose values are taken) of items in the message; without it the
    message is the item. Paths begin at the item, with `$.` in front at the message. `time` is a number with
    `time_unit` (`s`, `ms`, `us`, `ns`) or a text: RFC 3339, or as `time_format` and `time_zone` say
    (streams/feeds/event_times.py); where it is left out the tick has the time of receipt. `sides` maps words to `buy`
    and `sell`; they are the aggressor's unless `side_of = "maker"`. `conditions` is a list of codes or all of them in
    one text, and is cut to what a tick can hold.
    """

    def __init__(self, table: Mapping[str, Any], where: str, *, venue: str) -> None:
        """`where` names the table in errors.

        Raises:
            ConfigError: naming the entry, its value and the remedy.
        """
        unknown = sorted(set(table) - set(KEYS))
        if unknown:
            raise ConfigError(f"{where}: unknown entry {unknown[0]!r}; known are {', '.join(KEYS)}")
        self._where, self._venue = where, venue
        try:
            self._each = getter(table["each"]) if "each" in table else None
            self._gets = {name: _from(table[name]) for name in PATHS if name in table}
            self._time = TimeFormat(table.get("time_unit"), table.get("time_format"), table.get("time_zone"))
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        if not {"price"} <= set(table) and not {"bid", "ask"} <= set(table):
            raise ConfigError(f"{where}: neither price nor bid and ask: say where they stand")
        self._sides = _sides(table.get("sides"), table.get("side_of", "aggressor"), where)
        self._own: dict[str, Callable[[Any], object]] = {
            "side": self._side,
            "seq": _sequence,
            "conditions": _conditions,
        }
        self._symbol = self._gets.pop("symbol", None)
        self._at = self._gets.pop("time", None)

    @property
    def names_symbol(self) -> bool:
        """Whether the items say which symbol they are of."""
        return self._symbol is not None

    def read(
        self, message: Any, received_ns: int, symbols: Symbols, only: str | None = None
    ) -> Iterator[Tick | Unreadable]:
        """Yield a tick, or what is wrong, for every item of a decoded message. Never raises.

        `only`: the symbol of items that name none.
        """
        found = message if self._each is None else self._each(message)
        if self._each is not None and isinstance(found, dict):
            found = list(found.values())
        if self._each is not None and not isinstance(found, list):
            yield Unreadable("no-items", f"{self._where}: nothing to take items from in {_cut(message)}")
            return
        for item in found if self._each is not None else (message,):
            try:
                yield self._tick(item, message, received_ns, symbols, only)
            except BadValueError as error:
                reason = "unknown-symbol" if error.column == "symbol" else "bad-value"
                yield Unreadable(reason, f"{self._where}: {error.column}={_cut(error.value)}: {error.why}")

    def _tick(self, item: Any, message: Any, received_ns: int, symbols: Symbols, only: str | None) -> Tick:
        fields: dict[str, Any] = {"venue": self._venue, "clock": self._venue, "symbol": only, "ts": received_ns}
        if self._symbol is not None:
            theirs = self._symbol(item, message)
            fields["symbol"] = symbols(theirs) if isinstance(theirs, str) else symbols(str(theirs))
            if fields["symbol"] is None:
                raise BadValueError("symbol", theirs, "not asked for")
        if self._at is not None:
            value = self._at(item, message)
            try:
                fields["ts"] = self._time.parse(value)
            except (ValueError, OverflowError) as error:
                raise BadValueError("time", value, str(error)) from None
        for name, get in self._gets.items():
            value = get(item, message)
            if value is MISSING or value is None or value == "":
                continue
            try:
                fields[name] = self._own[name](value) if name in self._own else VALUES[name](value)
            except (ValueError, TypeError) as error:
                raise BadValueError(name, value, str(error)) from None
        return make_tick(fields)

    def _side(self, value: Any) -> str:
        side = self._sides.get(value if isinstance(value, str) else str(value).lower())
        if side is None:
            raise ValueError(f"no side: known are {', '.join(self._sides)}")
        return side


def _conditions(value: Any) -> tuple[str, ...]:
    codes = value.replace(";", " ").split() if isinstance(value, str) else value
    codes = codes if isinstance(codes, list) else [codes]
    return shortened(typed_text(code) for code in codes if code is not None)


def _sequence(value: Any) -> int | str:
    if isinstance(value, str) and len(value) > MAX_SEQ:
        raise ValueError(f"longer than {MAX_SEQ} characters")
    return typed_sequence(value)


def _from(path: Any) -> Callable[[Any, Any], Any]:
    """A getter of (item, message)."""
    if isinstance(path, str) and path.startswith(ROOT):
        whole = getter(path.removeprefix(ROOT))
        return lambda _, message: whole(message)
    if not isinstance(path, str | list):
        raise ConfigError(f"path {path!r}: a text such as data.price, or a list of names")
    part = getter(path)
    return lambda item, _: part(item)


def _sides(table: Any, side_of: Any, where: str) -> dict[str, str]:
    if side_of not in ("aggressor", "maker"):
        raise ConfigError(f"{where}: side_of={side_of!r}: give aggressor or maker")
    words = dict(_SIDES)
    if table is not None:
        if not isinstance(table, dict) or not all(value in _OTHER for value in table.values()):
            raise ConfigError(f"{where}: sides={table!r}: write sides = {{ b = 'buy', s = 'sell' }}")
        words = dict(table)
    return words if side_of == "aggressor" else {word: _OTHER[side] for word, side in words.items()}


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
