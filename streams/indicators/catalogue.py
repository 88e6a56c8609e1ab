"""The catalogue: every family by the name people write, and the reading of names such as `sma_20` or `macd_8_21_5`.

An indicator of one's own is one more file beside these and one more line in `FAMILIES`.
"""

import re
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from streams.errors import ConfigError
from streams.indicators.bbands import BBANDS
from streams.indicators.ema import EMA
from streams.indicators.indicator import Family, Indicator
from streams.indicators.macd import MACD
from streams.indicators.rsi import RSI
from streams.indicators.sma import SMA

FAMILIES: Final = MappingProxyType(
    {
        family.name: family
        for family in (
            BBANDS,
            EMA,
            MACD,
            RSI,
            SMA,
        )
    }
)

_NAME = re.compile(r"([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)((?:_[0-9]{1,20}(?:\.[0-9]{1,20})?)*)")


def parse(text: str) -> Indicator:
    """Read the name of an indicator: a family, then its parameters, separated by `_`.

    Numbers are plain decimals; `bbands_20_2` and `bbands_20_2.0` are read as `bbands`, whose parameters they are.

    Raises:
        ConfigError: naming `text`, what is wrong with it, and names that are near or would do.
    """
    match = _NAME.fullmatch(text)
    family = FAMILIES.get(match[1]) if match else None
    if match is None or family is None:
        raise ConfigError(f"{text!r} is no indicator; {_advice(text)}")
    numbers = (float(number) if "." in number else int(number) for number in match[2].split("_")[1:])
    return family.indicator(*numbers, text=text)


def _advice(text: str) -> str:
    """What somebody who wrote `text` may have meant."""
    word = re.split(r"_(?=[^A-Za-z])", text.lower(), maxsplit=1)[0].strip("_")
    owners = {output: family for family in FAMILIES.values() for output in family.outputs}
    if word in owners and word not in FAMILIES:
        return f"{word} is an output of {owners[word].name}: write {owners[word].example!r}"
    near: list[Family] = []
    for name in get_close_matches(word, [*FAMILIES, *owners], n=3, cutoff=0.5):
        family = FAMILIES.get(name) or owners[name]
        if family not in near:
            near.append(family)
    if near:
        return f"did you mean {' or '.join(repr(family.example) for family in near)}?"
    return f"there are {', '.join(repr(family.example) for family in FAMILIES.values())}"
