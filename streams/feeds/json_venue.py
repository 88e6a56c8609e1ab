"""Any JSON WebSocket as a venue, by its mapping file."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials
from streams.feeds.holes import SEQUENCE
from streams.feeds.json_mapping import JsonMapping, MessageRule
from streams.feeds.mapping_file import secrets_of
from streams.feeds.tick_fields import is_symbol
from streams.feeds.venue import Event, Missing, NonTick, Refused, Send, Subscribed, Unbroken, Unreadable
from streams.feeds.venues.trade_ids import AGAIN, TradeIds
from streams.records import Tick

_SHOWN: Final = 160


class JsonVenue:
    """The state machine of a mapping: see streams/feeds/json_mapping.py and docs/feeds.md."""

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        mapping: JsonMapping,
        credentials: Credentials | None = None,
        quotes: bool = True,
        trades: bool = True,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`env`: where headers find their values, `os.environ` unless given.

        Raises:
            ConfigError: a symbol cannot be, or a value that the mapping asks for is not in the environment.
        """
        self.name = mapping.name
        self.quiet_s = float(mapping.quiet_s)
        self.heartbeat_s = float(mapping.heartbeat_s)
        self._mapping = mapping
        self._quotes, self._trades = quotes, trades
        self._url = url or mapping.url
        self._secrets = secrets_of(credentials)
        self._headers = mapping.filled_headers(self._secrets, env)
        self._theirs = {symbol: self._mapping.theirs(symbol) for symbol in symbols}
        self._ours = {theirs: ours for ours, theirs in self._theirs.items()}
        self._check(symbols)
        self._only = symbols[0] if len(self._theirs) == 1 else None
        self._decode = msgspec.json.Decoder(float_hook=Decimal).decode
        self._ids: defaultdict[str, TradeIds] = defaultdict(TradeIds)
        """Of each rule whose numbers grow by one."""
        self._told: set[tuple[str, str]] = set()
        """(rule, symbol) of which this connection has shown whether something was missed."""

    def _check(self, symbols: Sequence[str]) -> None:
        where = self.name
        if not symbols:
            raise ConfigError(f"feed {where}: no symbol: name one or more")
        for symbol in symbols:
            if not is_symbol(symbol):
                raise ConfigError(f"feed {where}: symbol={symbol!r}: give 1 to 32 of A-Z a-z 0-9 . _ / -")
        if len(self._ours) < len(self._theirs):
            raise ConfigError(f"feed {where}: two symbols have one name there: {', '.join(symbols)}; correct [symbols]")
        nameless = [rule for rule in self._mapping.rules if rule.items is not None and not rule.items.names_symbol]
        if nameless and len(self._theirs) > 1:
            raise ConfigError(f"{nameless[0].where} names no symbol: give its path, or feed one symbol a process")

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        return tuple(self._theirs)

    def url(self) -> str:
        """Return the address, `{symbols}` in it replaced by the venue's names with commas between them."""
        return self._filled(self._url, {"symbols": ",".join(self._theirs.values())}, quoted=False)

    def headers(self) -> Mapping[str, str]:
        """Return HTTP headers of the handshake."""
        return self._headers

    def open(self) -> Sequence[str | bytes]:
        """Return the subscriptions: a template with `{symbol}` once for each, `{symbols}` is an array of all."""
        self._told.clear()
        every = json.dumps(list(self._theirs.values()))
        frames = []
        for template in self._mapping.subscribe:
            each = self._theirs.values() if "{symbol}" in template else ("",)
            frames += [self._filled(template, {"symbol": symbol, "symbols": every}) for symbol in each]
        return frames

    def heartbeat(self) -> str | bytes | None:
        """Return the frame to send every `heartbeat_s`, None where the mapping has none."""
        return self._mapping.heartbeat

    def receive(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        """Return what a frame says, in order: of the first rule that matches. Never raises."""
        try:
            message = self._decode(frame)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
            return (Unreadable("bad-json", f"{str(error)[:_SHOWN]}: {self._shown(frame)}"),)
        for rule in self._mapping.rules:
            if rule.matches(message):
                return tuple(self._events(rule, message, frame, received_ns))
        return (Unreadable("no-rule", f"no message of the mapping matches {self._shown(frame)}"),)

    def _events(self, rule: MessageRule, message: Any, frame: str | bytes, received_ns: int) -> Iterator[Event]:
        if rule.answer is not None:
            yield Send(rule.answer)
        if rule.items is not None:
            read = rule.items.read(message, received_ns, self._ours.get, self._only)
            for event in sorted(read, key=_number) if rule.contiguous else read:
                if isinstance(event, Tick):
                    yield from self._wanted(rule, event)
                else:
                    yield event
        elif rule.kind == "subscribed":
            yield Subscribed(self.symbols())
        elif rule.kind == "refused":
            yield Refused(self._shown(frame), rule.fatal)
        else:
            yield NonTick(rule.kind)

    def _wanted(self, rule: MessageRule, tick: Tick) -> Iterator[Event]:
        if rule.contiguous and isinstance(tick.seq, int):
            before = self._follow(rule, tick, tick.seq)
            if before is None:
                yield NonTick("resent")
                return
            yield from before
        if not (self._trades if tick.price is not None else self._quotes):
            yield NonTick("unwanted-trade" if tick.price is not None else "unwanted-quote")
        else:
            yield tick

    def _follow(self, rule: MessageRule, tick: Tick, seq: int) -> tuple[Event, ...] | None:
        """Say what the venue's numbers show; None if this one is not newer: it was sent again, which shows nothing."""
        symbol, ids, ts_ns = tick.symbol, self._ids[rule.where], tick.ts_ns or 0
        known = ids.knows(symbol)
        missing = ids.follow(symbol, seq, ts_ns)
        if missing == AGAIN:
            return None
        across = (rule.where, symbol) not in self._told
        self._told.add((rule.where, symbol))
        if missing:
            return (Missing(symbol, ts_ns, SEQUENCE, across),)
        return (Unbroken(symbol),) if known and across and self._proves else ()

    @property
    def _proves(self) -> bool:
        """Whether everything that is subscribed is numbered: one rule for ticks, and that contiguous."""
        ticks = [rule for rule in self._mapping.rules if rule.items is not None]
        return len(ticks) == 1 and ticks[0].contiguous

    def _filled(self, template: str, values: Mapping[str, str], *, quoted: bool = True) -> str:
        for name, value in (*values.items(), *self._secrets.items()):
            inside = json.dumps(value)[1:-1] if quoted and name != "symbols" else value
            template = template.replace(f"{{{name}}}", inside)
        return template

    def _shown(self, frame: str | bytes) -> str:
        """The beginning of a frame, without what we logged in by."""
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        for value in (*self._secrets.values(), *self._headers.values()):
            text = text.replace(value, "***") if len(value) > 1 else text
        return repr(text[:_SHOWN])


def _number(event: Tick | Unreadable) -> int:
    """The place of an item in its message: by number, whichever way the venue lists them; one without goes first."""
    return event.seq if isinstance(event, Tick) and isinstance(event.seq, int) else -1
