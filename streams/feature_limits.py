"""How old the input of each output may be: what `[stale]` of a feature set means for one output.

The fold looks at the last trade, quote or closed bar behind an output (streams/codegen/outputs.py); a reader, who has
only the record, looks at the record's `ts_ns`. Both compare with the same limit:

- an output of quotes with `quote_s`, one of trades or of a bar that is open with `trade_s`, one of closed bars with
  `bar_s`; with its own in `[stale.outputs]` where it has one;
- one that steps at every tick is of now when it is written, and never stale there. To a reader it is as old as its
  record: its limit is the longer of `trade_s` and `quote_s`, for either would have brought a tick;
- a derived one with the least of those that it is made of.
"""

from streams.feature_set import FeatureSet
from streams.indicators.indicator import Indicator


def limits(feature_set: FeatureSet) -> dict[str, float]:
    """Output -> seconds, of those that have a limit, in the order of the outputs."""
    own = dict(feature_set.options.stale_outputs)
    found: dict[str, float] = {}
    for indicator in feature_set.indicators:
        usual = _usual(feature_set, indicator)
        for output in indicator.outputs:
            limit = own.get(output, usual)
            if limit is not None:
                found[output] = limit
    for derived in feature_set.options.derived:
        made_of = [found[name] for pair in derived.of for name in pair if isinstance(name, str) and name in found]
        if made_of:
            found[derived.name] = min(made_of)
    return found


def _usual(feature_set: FeatureSet, indicator: Indicator) -> float | None:
    options = feature_set.options
    if indicator.family.on == "tick":
        return max((limit for limit in (options.trade_s, options.quote_s) if limit is not None), default=None)
    if indicator.family.on == "quote":
        return options.quote_s
    return options.trade_s if indicator.interval is None or indicator.live else options.bar_s
