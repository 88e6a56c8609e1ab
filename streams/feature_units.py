"""Units of the outputs, as the catalogue's docstrings state them, for readers that see nothing but names.

`1` is a number without unit (a ratio, an index of 0 to 100, a sign, a return, a variance of returns); `price` is that
of the instrument in its quote currency; `quantity` is in units of the instrument; `currency` is price x quantity; `bps`
is a ten-thousandth; `%` a hundredth.
"""

from typing import Final

from streams.feature_set import FeatureSet

_UNITS: Final = {
    "price": (
        "atr bb_upper bb_middle bb_lower dema donchian_upper donchian_middle donchian_lower ema hma ichimoku_tenkan "
        "ichimoku_kijun ichimoku_senkou_a ichimoku_senkou_b kama keltner_upper keltner_middle keltner_lower linreg "
        "linreg_slope linreg_intercept macd macd_signal macd_hist microprice mid mom roll sar sma spread stddev "
        "supertrend t3 tema vwap vwma weighted_mid wma"
    ),
    "quantity": "ad adosc obv ofi signed_volume",
    "currency": "dollar_volume",
    "price/quantity": "kyle",
    "1/currency": "amihud",
    "1/s": "tick_intensity trade_intensity",
    "s": "trade_age session_seconds",
    "bps": (
        "effective_spread microprice_bps opening_gap_bps price_impact realised_spread spread_bps vwap_distance_bps"
    ),
    "%": "natr ppo roc trix",
    "1": (
        "adx plus_di minus_di adxr aroon_up aroon_down aroon_oscillator bb_percent_b bb_bandwidth beta bipower "
        "jump_share cci cmf cmo correlation drawdown ewma_vol gap garman_klass linreg_r2 mfi ofi_normalised parkinson "
        "queue_imbalance rel_strength ret rogers_satchell rsi rv rvol session_phase slowk slowd fastk fastd stochrsi_k "
        "stochrsi_d spread_state supertrend_direction trade_sign trade_sign_rule tsi ultosc volume_z vpin vpin_bulk "
        "willr yang_zhang zscore"
    ),
}

UNITS: Final = {output: unit for unit, outputs in _UNITS.items() for output in outputs.split()}
"""Output of a family, without parameters -> unit. One that is not here does not say."""


def units(feature_set: FeatureSet) -> dict[str, str]:
    """Output -> unit, of those that say, in the order of the outputs."""
    found: dict[str, str] = {}
    for indicator in feature_set.indicators:
        for output, plain in zip(indicator.outputs, indicator.family.outputs, strict=True):
            if plain in UNITS:
                found[output] = UNITS[plain]
    # Crosses and agreements are signs and means of signs.
    return found | {derived.name: "1" for derived in feature_set.options.derived}
