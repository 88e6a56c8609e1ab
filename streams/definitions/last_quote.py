"""What is said of the newest quote alone."""

from math import isnan

from streams.definitions.definition import Definition, Quote


class OfLastQuote(Definition):
    """The newest quote."""

    on = "quote"
    needs = frozenset({"quote"})
    quote: Quote

    def __init__(self) -> None:
        self.warmup, self.memory = (1,) * len(self.outputs), 1

    def take_quote(self, quote: Quote, before: Quote | None) -> None:  # noqa: ARG002 - the signature of all
        """One quote."""
        self.quote = quote

    @property
    def depth(self) -> float:
        """Sum of both sizes; 0 where nothing is known of them."""
        total = self.quote.bid_size + self.quote.ask_size
        return 0.0 if isnan(total) else total
