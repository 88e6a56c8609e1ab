"""Volume-synchronised probability of informed trading.

`vpin_v_n`: mean of |bought - sold| / v over the last n full volume buckets of v units of quantity each, without unit,
0 (balanced) to 1 (one-sided). Bought and sold go by the signs of the trades (see `trade_sign`); of an unknown sign half
goes to each. A trade larger than what is left of its bucket is split. v is 1e-9 to 1e15, n 1 to 10,000; always spelled
out.

On bars every bar is split in the proportion of its own bought and sold quantity.

- State: n + 8 slots: the open bucket and its balance in two parts each, the number of full buckets, the sum over the
  last n of them.
- Warm-up: 1 trade, for it counts buckets and not trades; a gap shows at one step only, and what is missing in it is
  missing in a bucket.
- Flat market: as the signs say.
- Undefined: until n buckets are full.
- Accuracy: a bucket counts as full when less than 1e-9 of it is left, and the value is as near; of a trade of more
  than 1e6 buckets the rest that opens the next one is rounded.
- Source: D. Easley, M. Lopez de Prado, M. O'Hara, Flow Toxicity and Liquidity in a High-frequency World (2012), with
  the trades' own signs; `vpin_bulk` classifies as they do.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.volume_buckets import fill, slots


@compiled
def step(state: Any, out: Any, volume: float, signed: float, size: float, buckets: int) -> None:
    """Take one trade or bar."""
    out[0] = fill(state, 0, volume, signed, size, buckets)


VPIN: Final = Family(
    name="vpin",
    outputs=("vpin",),
    parameters=(Parameter("volume", 1000.0, 1e-9, 1e15), Parameter("buckets", 50, 1, 10_000)),
    short=False,
    inputs=("volume", "signed"),
    state_size=lambda _size, buckets: slots(buckets),
    warmup=lambda _size, _buckets: (1,),
    step=step,
    group="microstructure",
    needs=("size",),
)
