"""`ofi_n`: order-flow imbalance over the last n quote updates, and by the mean depth of their new quotes."""

from math import fsum, isnan

from streams.definitions.definition import NAN, UNDEFINED, Claim, Claims, Definition, Quote
from streams.definitions.windows import Window, mean


class Ofi(Definition):
    """Windows of flows and depths. Slack: 1e-13 of what was added up, and 1e-25 of the largest depth there ever was."""

    outputs = ("ofi", "ofi_normalised")
    on = "quote"
    needs = frozenset({"quote", "quote size"})

    def __init__(self, n: int) -> None:
        self._flows, self._depths = Window(n), Window(n)
        self._largest = 0.0
        self.warmup, self.memory = (n + 1,) * 2, n + 1

    def take_quote(self, quote: Quote, before: Quote | None) -> None:
        """One quote. The very first of all makes no update, and is not among the last n once there are values."""
        flow = 0.0
        if quote.whole and before is not None and before.whole:
            flow += quote.bid_size if quote.bid >= before.bid else 0.0
            flow -= before.bid_size if quote.bid <= before.bid else 0.0
            flow -= quote.ask_size if quote.ask <= before.ask else 0.0
            flow += before.ask_size if quote.ask >= before.ask else 0.0
        depth = (quote.bid_size + quote.ask_size) / 2 if quote.whole else NAN
        self._flows.append(flow)
        self._depths.append(depth)
        self._largest = max(self._largest, 0.0 if isnan(depth) else depth)

    def claims(self) -> Claims:
        """Sum, and sum by depth."""
        depths = [depth for depth in self._depths if not isnan(depth)]
        if not depths:
            return UNDEFINED, UNDEFINED
        total, depth = fsum(self._flows), mean(depths)
        slack = 1e-13 * fsum(map(abs, self._flows)) + 1e-25 * self._largest
        by_depth = Claim(total / depth, 2 * slack / depth + 1e-13 * abs(total / depth)) if depth else UNDEFINED
        return Claim(total, slack), by_depth
