"""The kinds of alerts that a worker writes, and from where on each speaks."""

from typing import Final, NamedTuple

from streams.settings import Settings

SIGNAL_HIGH_BUY: Final = "signal-high-buy"
SIGNAL_HIGH_SELL: Final = "signal-high-sell"
RISK_HIGH: Final = "risk-high"
VOLUME_UNUSUAL: Final = "volume-unusual"
STALE_FEED: Final = "stale-feed"
DRIFT: Final = "drift"
CALIBRATION: Final = "calibration"
MODEL_ROLLBACK: Final = "model-rollback"

OF_SYMBOLS: Final = (SIGNAL_HIGH_BUY, SIGNAL_HIGH_SELL, RISK_HIGH, VOLUME_UNUSUAL, STALE_FEED)
"""Those that a record of a symbol causes, in the order of the columns of `Suppression`."""
OF_MODELS: Final = (DRIFT, CALIBRATION, MODEL_ROLLBACK)
KINDS: Final = (*OF_SYMBOLS, *OF_MODELS)

SEVERITY: Final = {
    SIGNAL_HIGH_BUY: "info",
    SIGNAL_HIGH_SELL: "info",
    RISK_HIGH: "warning",
    VOLUME_UNUSUAL: "info",
    STALE_FEED: "warning",
    DRIFT: "warning",
    CALIBRATION: "error",
    MODEL_ROLLBACK: "error",
}

REARM: Final = 0.8
"""A level must fall below this part of its limit before it speaks again."""


class AlertLimits(NamedTuple):
    """From where on an alert is written; 0: never."""

    high: bool = True
    risk_bps: float = 0.0
    volume_z: float = 0.0
    volume_ratio: float = 0.0
    stale_s: float = 0.0
    quiet_s: float = 0.0
    """Event time for which a kind stays quiet about a symbol, or about a model, after it spoke."""
    drift_psi: float = 0.0


def limits_of(settings: Settings) -> AlertLimits:
    """Those of the settings."""
    return AlertLimits(
        high=settings.alert_high,
        risk_bps=settings.alert_risk_bps,
        volume_z=settings.alert_volume_z,
        volume_ratio=settings.alert_volume_ratio,
        stale_s=settings.alert_stale_s,
        quiet_s=settings.alert_quiet_s,
        drift_psi=settings.alert_drift_psi,
    )
