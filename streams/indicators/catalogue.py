"""The catalogue: every family by the name people write, and the reading of names such as `sma_20` or `macd_8_21_5`.

An indicator of one's own is one more file beside these and one more line in `FAMILIES`.
"""

import re
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from streams.bars import interval
from streams.errors import ConfigError
from streams.indicators.ad import AD
from streams.indicators.adosc import ADOSC
from streams.indicators.adx import ADX
from streams.indicators.amihud import AMIHUD
from streams.indicators.aroon import AROON
from streams.indicators.atr import ATR
from streams.indicators.bbands import BBANDS
from streams.indicators.beta import BETA
from streams.indicators.bipower import BIPOWER
from streams.indicators.cci import CCI
from streams.indicators.cmf import CMF
from streams.indicators.cmo import CMO
from streams.indicators.correlation import CORRELATION
from streams.indicators.dema import DEMA
from streams.indicators.dollar_volume import DOLLAR_VOLUME
from streams.indicators.donchian import DONCHIAN
from streams.indicators.drawdown import DRAWDOWN
from streams.indicators.effective_spread import EFFECTIVE_SPREAD
from streams.indicators.ema import EMA
from streams.indicators.ewma_vol import EWMA_VOL
from streams.indicators.gap import GAP
from streams.indicators.garman_klass import GARMAN_KLASS
from streams.indicators.hma import HMA
from streams.indicators.ichimoku import ICHIMOKU
from streams.indicators.indicator import Family, Indicator
from streams.indicators.intensity import INTENSITY
from streams.indicators.kama import KAMA
from streams.indicators.keltner import KELTNER
from streams.indicators.kyle import KYLE
from streams.indicators.linreg import LINREG
from streams.indicators.macd import MACD
from streams.indicators.mfi import MFI
from streams.indicators.microprice import MICROPRICE
from streams.indicators.mid import MID
from streams.indicators.mom import MOM
from streams.indicators.natr import NATR
from streams.indicators.obv import OBV
from streams.indicators.ofi import OFI
from streams.indicators.opening_gap import OPENING_GAP
from streams.indicators.parkinson import PARKINSON
from streams.indicators.ppo import PPO
from streams.indicators.queue_imbalance import QUEUE_IMBALANCE
from streams.indicators.realised_spread import REALISED_SPREAD
from streams.indicators.rel_strength import REL_STRENGTH
from streams.indicators.ret import RET
from streams.indicators.roc import ROC
from streams.indicators.rogers_satchell import ROGERS_SATCHELL
from streams.indicators.roll import ROLL
from streams.indicators.rsi import RSI
from streams.indicators.rv import RV
from streams.indicators.rvol import RVOL
from streams.indicators.sar import SAR
from streams.indicators.session_time import SESSION_TIME
from streams.indicators.signed_volume import SIGNED_VOLUME
from streams.indicators.sma import SMA
from streams.indicators.spread import SPREAD
from streams.indicators.stddev import STDDEV
from streams.indicators.stoch import STOCH
from streams.indicators.stochf import STOCHF
from streams.indicators.stochrsi import STOCHRSI
from streams.indicators.supertrend import SUPERTREND
from streams.indicators.t3 import T3
from streams.indicators.tema import TEMA
from streams.indicators.trade_age import TRADE_AGE
from streams.indicators.trade_sign import TRADE_SIGN
from streams.indicators.trix import TRIX
from streams.indicators.tsi import TSI
from streams.indicators.ultosc import ULTOSC
from streams.indicators.volume_z import VOLUME_Z
from streams.indicators.vpin import VPIN
from streams.indicators.vpin_bulk import VPIN_BULK
from streams.indicators.vwap import VWAP
from streams.indicators.vwma import VWMA
from streams.indicators.weighted_mid import WEIGHTED_MID
from streams.indicators.willr import WILLR
from streams.indicators.wma import WMA
from streams.indicators.yang_zhang import YANG_ZHANG
from streams.indicators.zscore import ZSCORE

FAMILIES: Final = MappingProxyType(
    {
        family.name: family
        for family in (
            AD,
            ADOSC,
            ADX,
            AMIHUD,
            AROON,
            ATR,
            BBANDS,
            BETA,
            BIPOWER,
            CCI,
            CMF,
            CMO,
            CORRELATION,
            DEMA,
            DOLLAR_VOLUME,
            DONCHIAN,
            DRAWDOWN,
            EFFECTIVE_SPREAD,
            EMA,
            EWMA_VOL,
            GAP,
            GARMAN_KLASS,
            HMA,
            ICHIMOKU,
            INTENSITY,
            KAMA,
            KELTNER,
            KYLE,
            LINREG,
            MACD,
            MFI,
            MICROPRICE,
            MID,
            MOM,
            NATR,
            OBV,
            OFI,
            OPENING_GAP,
            PARKINSON,
            PPO,
            QUEUE_IMBALANCE,
            REALISED_SPREAD,
            REL_STRENGTH,
            RET,
            ROC,
            ROGERS_SATCHELL,
            ROLL,
            RSI,
            RV,
            RVOL,
            SAR,
            SESSION_TIME,
            SIGNED_VOLUME,
            SMA,
            SPREAD,
            STDDEV,
            STOCH,
            STOCHF,
            STOCHRSI,
            SUPERTREND,
            T3,
            TEMA,
            TRADE_AGE,
            TRADE_SIGN,
            TRIX,
            TSI,
            ULTOSC,
            VOLUME_Z,
            VPIN,
            VPIN_BULK,
            VWAP,
            VWMA,
            WEIGHTED_MID,
            WILLR,
            WMA,
            YANG_ZHANG,
            ZSCORE,
        )
    }
)

_PLACE = re.compile(r"(?P<indicator>[^@~]*)(?:@(?P<interval>[^@~]*?)(?P<live>\.live)?)?(?:~(?P<reference>[^@~]*))?")
_NAME = re.compile(r"([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)((?:_[0-9]{1,20}(?:\.[0-9]{1,20})?)*)")
_ALIAS = re.compile(r"[a-z][a-z0-9_]{0,15}")


def parse(text: str) -> Indicator:
    """Read the name of an indicator: `<family>_<parameters>@<interval>.live~<reference>`; all but the family as needed.

    Parameters are plain decimals, separated by `_`; `bbands_20_2` and `bbands_20_2.0` are read as `bbands`, whose
    parameters they are. Intervals are those of streams/bars.py, references the aliases of a feature set.

    Raises:
        ConfigError: naming `text`, what is wrong with it, and names that are near or would do.
    """
    place = _PLACE.fullmatch(text)
    if place is None:
        raise ConfigError(f"{text!r} is no indicator; {_advice(re.split('[@~]', text)[0])}")
    reference = place["reference"]
    if reference is not None and not _ALIAS.fullmatch(reference):
        raise ConfigError(f"{text!r}: write an alias of [references] after '~', for example '~n225'")
    alone = _parse_alone(place["indicator"], text)
    try:
        bars = None if place["interval"] is None else interval(place["interval"])
    except ConfigError as error:
        raise ConfigError(f"{text!r}: {error}") from None
    return alone.placed(bars, live=place["live"] is not None, reference=reference or "")


def _parse_alone(name: str, text: str) -> Indicator:
    """Read what stands before `@` and `~` in `text`."""
    if name.endswith(".live"):
        raise ConfigError(f"{text!r}: only an indicator on bars has a live value; write '{name[:-5]}@1m.live'")
    match = _NAME.fullmatch(name)
    family = FAMILIES.get(match[1]) if match else None
    if match is None or family is None:
        raise ConfigError(f"{text!r} is no indicator; {_advice(name)}")
    numbers = (float(number) if "." in number else int(number) for number in match[2].split("_")[1:])
    return family.indicator(*numbers, text=text)


def _advice(text: str) -> str:
    """What somebody who wrote `text` may have meant."""
    word = re.split(r"_(?=[^A-Za-z])", text.lower(), maxsplit=1)[0].strip("_")
    owners = {output: family for family in FAMILIES.values() for output in family.outputs}
    if word in owners and word not in FAMILIES:
        return f"{word} is an output of {owners[word].name}: write {owners[word].example!r}"
    near: list[Family] = []
    for name in get_close_matches(word, [*FAMILIES, *owners], n=3, cutoff=0.6):
        family = FAMILIES.get(name) or owners[name]
        if family not in near:
            near.append(family)
    if near:
        return f"did you mean {' or '.join(repr(family.example) for family in near)}?"
    return "docs/catalogue.md lists what there is, for example 'sma_20'"
