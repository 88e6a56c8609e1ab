"""Binance futures, margined in dollars (USD-M) or in coin (COIN-M): the streams of spot, with the venue's times.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams

- A perpetual is `BTC/USDT-USDT` (`BTCUSDT` there), `BTC/USD-BTC` in coin (`BTCUSD_PERP`); a dated future has its expiry
  behind it, `BTC/USDT-USDT-250328` (`BTCUSDT_250328`). Sizes in coin are numbers of contracts.
- Of USD-M, `@trade` and `@bookTicker` are on the path `/public`, `@aggTrade` on `/market`, another connection: one more
  reason for single trades.
- A trade whose `X` is not `MARKET` did not come out of the book (insurance fund, auto-deleveraging): a tick with that
  as its condition, or no tick where it has no price (`NA`).
"""

from streams.errors import ConfigError
from streams.feeds.venues.binance import Binance
from streams.feeds.venues.symbols import Pair, pair


class BinanceUsdM(Binance):
    """Adapter of futures margined in USDT, USDC and the like."""

    name = "binanceusdm"
    address = "wss://fstream.binance.com/public/stream"
    options = ""
    perpetual = ""

    def _translate(self, symbol: str) -> tuple[str, str]:
        parts = pair(self.name, symbol)
        if parts.settle != self._settled_in(parts):
            raise ConfigError(
                f"feed {self.name}: symbol={symbol!r} is not settled in {self._settled_in(parts)}; give "
                f"{parts.base}/{parts.quote}-{self._settled_in(parts)}"
            )
        tail = f"_{parts.expiry}" if parts.expiry else self.perpetual
        return parts.base + parts.quote + tail, parts.symbol

    def _settled_in(self, parts: Pair) -> str:
        return parts.quote


class BinanceCoinM(BinanceUsdM):
    """Adapter of futures margined in their own coin."""

    name = "binancecoinm"
    address = "wss://dstream.binance.com/stream"
    perpetual = "_PERP"

    def _settled_in(self, parts: Pair) -> str:
        return parts.base
