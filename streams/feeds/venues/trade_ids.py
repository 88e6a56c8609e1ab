"""Trade ids of a venue that counts each symbol's trades one by one: what is missing, what came again."""

from typing import Final

AGAIN: Final = -1
_MINUTE_NS: Final = 60_000_000_000


class TradeIds:
    """The newest trade of every symbol, kept across connections: the one after it has the next number.

    Memory grows with the number of symbols alone.
    """

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, int]] = {}

    def knows(self, symbol: str) -> bool:
        """Return whether a trade of the symbol was seen before."""
        return symbol in self._newest

    def newest(self, symbol: str) -> int:
        """Return the id of the newest trade, 0 before the first."""
        return self._newest.get(symbol, (0, 0))[0]

    def follow(self, symbol: str, trade_id: int, ts_ns: int) -> int:
        """Note a trade; return how many before it are missing (0 for the first one), or AGAIN for one not newer.

        A number that is not newer, over a minute after the newest, says that the venue counts anew: 1 is returned,
        for nobody knows how many.
        """
        last = self._newest.get(symbol)
        if last is None:
            missing = 0
        elif trade_id > last[0]:
            missing = trade_id - last[0] - 1
        elif ts_ns > last[1] + _MINUTE_NS:
            missing = 1
        else:
            return AGAIN
        self._newest[symbol] = (trade_id, ts_ns)
        return missing
