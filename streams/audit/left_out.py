"""Quotes that a filter leaves out of their trades: the tick is served, and only its trade was folded."""

from math import isnan, nan

from streams.audit.event import Event
from streams.audit.quote_level import QuoteLevel
from streams.quality.rules import QualityRules


def without_left_out(event: Event, rules: QualityRules, level: QuoteLevel) -> Event:
    """The event as it is folded: without a quote that the rules refuse, of a tick that is a trade as well.

    To be asked once of each tick that was not rejected, in their order; `level` takes the middles that come so far.
    """
    if isnan(event.bid) and isnan(event.ask):
        return event
    if _refused(event, rules):
        believed = False
    else:
        believed = not event.is_quote or level.takes(event.ts_ns, (event.bid + event.ask) / 2, rules)
    if believed or not event.is_trade:
        return event
    return Event(
        event.offset, event.ts_ns, event.kind, event.price, event.size, nan, nan, nan, nan, event.side, event.seq,
        event.clock,
    )  # fmt: skip


def _refused(event: Event, rules: QualityRules) -> bool:
    bid, ask = event.bid, event.ask
    one_sided = isnan(bid) or isnan(ask)
    empty = event.bid_size == 0 or event.ask_size == 0 or isnan(event.bid_size) != isnan(event.ask_size)
    if rules.reject_zero_sided and (one_sided or empty):
        return True
    if one_sided:
        return False
    beyond = rules.price_max is not None and max(bid, ask) > rules.price_max
    wide = rules.spread_max_bps is not None and (ask - bid) * 2e4 > rules.spread_max_bps * (bid + ask)
    return (
        min(bid, ask) < rules.price_min
        or beyond
        or wide
        or (rules.reject_crossed and bid > ask)
        or (rules.reject_locked and bid == ask)
    )
