"""`python -m deploy.catalogue_page > docs/catalogue.md`: every indicator, from the docstrings that specify them."""

import inspect
import sys
from collections.abc import Iterable
from typing import Final, get_args

from streams.feature_set import FeatureSet
from streams.indicators.catalogue import FAMILIES
from streams.indicators.indicator import Family, Group, Indicator

HEAD: Final = """\
# The catalogue

Made by `python -m deploy.catalogue_page > docs/catalogue.md` from the docstrings in `streams/indicators`, which are the
specification of each indicator: tests hold the code to them.

A name is a family and its parameters: `sma_20`. Alone it counts trades. `sma_20@1m` counts closed bars of a minute
(`s`, `m`, `h`; `100t`, `5000v`, `1000000d` for bars of trades, volume and dollars), `sma_20@1m.live` includes the open
bar, and `beta_60@1m~n225` is measured against the reference symbol that the feature set calls `n225`. A number before
its warm-up is `warming`; one whose formula has no value `undefined`; one whose input, such as quotes, has not come
`unavailable`. [records.md](records.md) has the flags, [feature-sets.md](feature-sets.md) the file that names what is
computed.
"""

DEVIATIONS: Final = """\
## Where ours is not TA-Lib's

Everything that TA-Lib has is compared with it at every prefix, to 1e-9 relative or the bound that the indicator states.
These differ on purpose, or are compared otherwise:

| indicator | ours | TA-Lib 0.8 | why |
|---|---|---|---|
| `rsi`, `stoch`, `stochf`, `stochrsi`, `mfi`, `ultosc` | 50 in a flat market | 0 | neither overbought nor oversold |
| `willr` | -50 in a flat market | 0 | the same |
| `mfi`, `vwma` | undefined without quantity | 0, or a residue divided by 0 | there is no such mean |
| `obv`, `ad`, `adosc` | undefined before the first quantity | 0 | nothing has flowed yet |
| `linreg_r2` | undefined in a flat market | `CORREL` is 0 | nothing to explain |
| `cmo` | 0 once its sums are below 1e-14 | goes on to exactly 0 | a ratio of what rounding left |
| `adx` | the last value after hundreds of n unchanged bars | denormal numbers | DX has no value any more |
| `stddev`, `bbands`, `cci`, `mfi`, `ultosc` | anchored sums | sums that lose digits | compared within what is lost |
| `kama`, `vwma` | forget a bad tick | rolling sums keep part of it | compared up to the bad tick |
| `macd`, `ppo`, `trix` | within units in the last place of the price | the same | made of averages of the price |
| `atr`, `natr`, `trix` | n from 2 | n from 1 | one is the change itself |
"""

STEPS: Final = {"trade": "trades, bars", "quote": "quotes", "tick": "ticks"}


def text() -> str:
    """The whole page."""
    parts = [HEAD]
    for group in get_args(Group):
        families = [family for family in FAMILIES.values() if family.group == group]
        parts.append(f"## {group.capitalize()}\n")
        parts.append(_table(families))
        parts += [f"### `{family.name}`: {_specification(family)}\n" for family in families]
    parts.append(DEVIATIONS)
    parts.append(_warmups(FeatureSet.load("default")))
    return "\n".join(parts)


def _table(families: Iterable[Family]) -> str:
    lines = ["| name | outputs | steps on | warm-up | state | at a gap | needs |", "|---|---|---|---|---|---|---|"]
    for family in families:
        usual = usual_of(family)
        cells = (
            f"[`{usual.name}`](#{family.name}-{_anchor(family)})",
            " ".join(f"`{output}`" for output in usual.outputs),
            STEPS[family.on] if not {"sign", "rule"} & set(family.inputs) else "trades",
            " ".join(map(str, dict.fromkeys(usual.warmup))),
            str(usual.state_size),
            family.on_gap,
            ", ".join(family.needs) or "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def usual_of(family: Family) -> Indicator:
    """The family with its usual parameters."""
    return family.indicator(*(parameter.usual for parameter in family.parameters))


def _docstring(family: Family) -> list[str]:
    return (inspect.getdoc(sys.modules[family.step.__module__]) or "").splitlines()


def _anchor(family: Family) -> str:
    """As GitHub makes it of the heading."""
    title = _docstring(family)[0].rstrip(".").lower().replace(" ", "-")
    return "".join(letter for letter in title if letter.isalnum() or letter in "-_")


def _specification(family: Family) -> str:
    title, *rest = _docstring(family)
    return "\n".join((title.rstrip("."), *rest))


def _warmups(feature_set: FeatureSet) -> str:
    lines = [
        "## Warm-up of the default set\n",
        "Steps (trades, closed bars, quotes or ticks: see the tables) until the first value of each output.\n",
        "| output | steps |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {steps} |" for name, steps in zip(feature_set.outputs, feature_set.warmup, strict=True)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
