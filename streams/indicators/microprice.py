"""Stoikov's microprice.

`microprice_tick_gain_power_widegain_widepower`, always spelled out, with the numbers that `fit(...).name` of
streams/indicators/microprice_fit.py gives for recorded quotes of the instrument: with mid m, spread S, queue imbalance
I = (qb - qa) / (qb + qa) and the sign of I,

- `microprice` = m + sign(I) (S / 2) gain |I|^power, in units of price;
- `microprice_bps` = 10,000 (microprice - m) / m, in basis points.

gain and power are those of a spread of one tick; of wider ones widegain and widepower. tick is 1e-9 to 1e6, gains are 0
to 10, powers 0.01 to 100. So the name says all of the fit, and no table or file stands behind it.

The microprice is where the mid is expected to end up, given imbalance and spread: m + g(I, S), with g from a Markov
chain (see microprice_fit.py). g of a mirrored book is -g, 0 at I = 0 and mostly monotonic in I: the power law is its
smooth form, and the fit says how far it is from the table. gain 1 and power 1 would be the weighted mid, which is a
guess and not a fit.

- State: none.
- Warm-up: 1 quote.
- Flat market (the same quote again): the same value.
- Undefined: where both sizes are 0 or either is not sent, and of a locked or crossed quote.
- Source: S. Stoikov, The Micro-Price: a High-Frequency Estimator of Future Prices (2018); the power law is ours.
"""

from math import copysign, nan
from typing import Any, Final

from streams.indicators.imbalance import imbalance
from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(
    _state: Any,
    out: Any,
    bid: float,
    ask: float,
    bid_size: float,
    ask_size: float,
    tick: float,
    gain: float,
    power: float,
    wide_gain: float,
    wide_power: float,
) -> None:
    """Take one quote."""
    width = ask - bid
    if not width > 0.0:
        out[0] = nan
        out[1] = nan
        return
    lean = imbalance(bid_size, ask_size)
    # 1.5: the spread is a whole number of ticks but for rounding.
    narrow = width < 1.5 * tick
    share = gain * abs(lean) ** power if narrow else wide_gain * abs(lean) ** wide_power
    half = width / 2.0
    middle = bid + half
    moved = half * copysign(share, lean)
    out[0] = middle + moved
    out[1] = 1e4 * (moved / middle)


MICROPRICE: Final = Family(
    name="microprice",
    outputs=("microprice", "microprice_bps"),
    parameters=(
        Parameter("tick", 0.25, 1e-9, 1e6),
        Parameter("gain", 0.6, 0.0, 10.0),
        Parameter("power", 1.2, 0.01, 100.0),
        Parameter("wide_gain", 0.4, 0.0, 10.0),
        Parameter("wide_power", 1.1, 0.01, 100.0),
    ),
    short=False,
    inputs=("bid", "ask", "bid_size", "ask_size"),
    state_size=lambda *_: 0,
    warmup=lambda *_: (1, 1),
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote", "size"),
)
