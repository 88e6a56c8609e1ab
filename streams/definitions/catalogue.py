"""Which families have a definition, by name."""

from typing import Any, Final

from streams.definitions.adx import Adx
from streams.definitions.atr import Atr
from streams.definitions.bbands import Bbands
from streams.definitions.bipower import Bipower
from streams.definitions.cci import Cci
from streams.definitions.definition import Definition
from streams.definitions.dollar_volume import DollarVolume
from streams.definitions.donchian import Donchian
from streams.definitions.drawdown import Drawdown
from streams.definitions.effective_spread import EffectiveSpread
from streams.definitions.ema import Ema
from streams.definitions.ewma_vol import EwmaVol
from streams.definitions.garman_klass import GarmanKlass
from streams.definitions.intensity import Intensity
from streams.definitions.kama import Kama
from streams.definitions.kyle import Kyle
from streams.definitions.linreg import Linreg
from streams.definitions.macd import Macd
from streams.definitions.mfi import Mfi
from streams.definitions.mid import Mid
from streams.definitions.obv import Obv
from streams.definitions.ofi import Ofi
from streams.definitions.parkinson import Parkinson
from streams.definitions.queue_imbalance import QueueImbalance
from streams.definitions.ret import Ret
from streams.definitions.roc import Roc
from streams.definitions.roll import Roll
from streams.definitions.rsi import Rsi
from streams.definitions.rv import Rv
from streams.definitions.session_time import SessionTime
from streams.definitions.signed_volume import SignedVolume
from streams.definitions.sma import Sma
from streams.definitions.spread import Spread
from streams.definitions.stoch import Stoch
from streams.definitions.supertrend import Supertrend
from streams.definitions.trade_age import TradeAge
from streams.definitions.tsi import Tsi
from streams.definitions.volume_z import VolumeZ
from streams.definitions.vwap import Vwap
from streams.definitions.weighted_mid import WeightedMid
from streams.definitions.zscore import Zscore

DEFINITIONS: Final[dict[str, Any]] = {
    "adx": Adx,
    "atr": Atr,
    "bbands": Bbands,
    "bipower": Bipower,
    "cci": Cci,
    "dollar_volume": DollarVolume,
    "donchian": Donchian,
    "drawdown": Drawdown,
    "effective_spread": EffectiveSpread,
    "ema": Ema,
    "ewma_vol": EwmaVol,
    "garman_klass": GarmanKlass,
    "intensity": Intensity,
    "kama": Kama,
    "kyle": Kyle,
    "linreg": Linreg,
    "macd": Macd,
    "mfi": Mfi,
    "mid": Mid,
    "obv": Obv,
    "ofi": Ofi,
    "parkinson": Parkinson,
    "queue_imbalance": QueueImbalance,
    "ret": Ret,
    "roc": Roc,
    "roll": Roll,
    "rsi": Rsi,
    "rv": Rv,
    "session_time": SessionTime,
    "signed_volume": SignedVolume,
    "sma": Sma,
    "spread": Spread,
    "stoch": Stoch,
    "supertrend": Supertrend,
    "trade_age": TradeAge,
    "tsi": Tsi,
    "volume_z": VolumeZ,
    "vwap": Vwap,
    "weighted_mid": WeightedMid,
    "zscore": Zscore,
}


def define(family: str, parameters: tuple[Any, ...]) -> Definition | None:
    """The definition of a family with these parameters, or None: nobody has written one."""
    made = DEFINITIONS.get(family)
    return None if made is None else made(*parameters)
