"""Which records of a batch cause an alert, and what it says."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.alerting.kinds import (
    MODEL_ROLLBACK,
    OF_SYMBOLS,
    REARM,
    RISK_HIGH,
    SEVERITY,
    SIGNAL_HIGH_BUY,
    SIGNAL_HIGH_SELL,
    STALE_FEED,
    VOLUME_UNUSUAL,
    AlertLimits,
)
from agents.alerting.suppression import INSIDE, NO_ACTION, OUTSIDE, Suppression
from agents.decision.answers import Answer
from agents.decision.feature_records import FeatureColumns
from streams.columns import F64, U8
from streams.records import Alert

NS_PER_S: Final = 1e9
VOLUME_Z: Final = "volume_z_"
DOLLARS: Final = "dollar_volume_"
Numbers = dict[str, dict[str, float | str | None]]


class AlertRules:
    """One partition's. What it remembers of a symbol is one vector (`keep`, `restore`)."""

    def __init__(self, limits: AlertLimits, outputs: Sequence[str]) -> None:
        """`outputs`: of the feature set; its first `volume_z_...`, else `dollar_volume_...`, tells unusual volume."""
        z = next((place for place, name in enumerate(outputs) if name.startswith(VOLUME_Z)), -1)
        dollars = next((place for place, name in enumerate(outputs) if name.startswith(DOLLARS)), -1)
        self._z = z if limits.volume_z > 0 else -1
        self._dollars = dollars if z < 0 and limits.volume_ratio > 0 else -1
        self._volume_name = outputs[self._z] if self._z >= 0 else outputs[self._dollars] if self._dollars >= 0 else ""
        volume = limits.volume_z if self._z >= 0 else limits.volume_ratio if self._dollars >= 0 else 0.0
        high = INSIDE if limits.high else 0.0
        least = np.array([high, high, limits.risk_bps, volume, limits.stale_s])
        self._limits = np.where(least > 0, least, math.nan)
        # A signal re-arms its tier when it says something else, the others when they are well below their limit.
        rearms = np.where(np.arange(len(least)) < 2, OUTSIDE, REARM * self._limits)
        self.memory = Suppression(self._limits, rearms, limits.quiet_s, averages=self._z < 0)

    def of(self, features: FeatureColumns, answers: Sequence[Answer]) -> list[tuple[int, Alert]]:
        """Place in the batch, ascending, and alert; at most one of a kind for each record.

        Args:
            features: the n records of the batch.
            answers: what was decided about them; each record is in at most one.
        """
        n = len(features)
        if not n:
            return []
        column = self._z if self._z >= 0 else self._dollars
        volume = features.values[:, column] if column >= 0 else np.full(n, math.nan)
        now_s = np.array(features.ts_ns, np.int64) / NS_PER_S
        spoken, levels = self.memory.speak(features.symbols, now_s, *_said(answers, n), volume)
        if not spoken.any():
            return []
        found = np.argwhere(spoken).tolist()
        return [(i, self._alert(features, answers, i, k, levels)) for i, k in found]

    def _alert(self, features: FeatureColumns, answers: Sequence[Answer], i: int, k: int, levels: F64) -> Alert:
        kind, symbol, level, limit = OF_SYMBOLS[k], features.symbols[i], float(levels[i, k]), float(self._limits[k])
        numbers: Numbers
        if kind in {SIGNAL_HIGH_BUY, SIGNAL_HIGH_SELL}:
            message, numbers = _of_signal(kind, symbol, answers, i)
        elif kind == RISK_HIGH:
            message = f"{symbol}: risk of {level:.1f} bps, limit {limit:g}"
            numbers = {"risk": {"value": level, "limit": limit}}
        elif kind == VOLUME_UNUSUAL:
            unit = "standard deviations above its mean" if self._z >= 0 else "times its own average"
            message = f"{symbol}: {self._volume_name} is {level:.1f} {unit}, limit {limit:g}"
            numbers = {self._volume_name: {"value": level, "limit": limit}}
        else:
            assert kind == STALE_FEED, kind
            message = f"{symbol}: no tick for {level:.1f} s, limit {limit:g}"
            numbers = {"silence_s": {"value": level, "limit": limit}}
        return alert(features, i, kind, message, numbers)


def alert(features: FeatureColumns, i: int, kind: str, message: str, numbers: Numbers, model: str = "") -> Alert:
    """An alert that the record at place `i` causes; `model`: which one it is about, where it is about one."""
    return Alert(
        id=f"{features.ids[i]}|{kind}" + (f"|{model}" if model else ""),
        kind=kind,
        symbol=features.symbols[i],
        ts_ns=features.ts_ns[i],
        severity=SEVERITY[kind],
        message=message,
        numbers=numbers,
    )


def rollback(features: FeatureColumns, i: int, role: str, model: str, to: str | None, reason: str) -> Alert:
    """That a model was taken back; the record at place `i` is the first of its partition that another one serves."""
    message = f"{model} was taken back as {role}, {to or 'the rules'} instead: {reason}"
    return alert(features, i, MODEL_ROLLBACK, message, {"model": {"value": model, "role": role, "now": to}}, model)


def _said(answers: Sequence[Answer], n: int) -> tuple[U8, NDArray[np.bool_], F64]:
    """[n] each: action, tier and risk of n records."""
    if len(answers) == 1 and len(answers[0].rows) == n:
        one = answers[0].decisions
        return one.action, one.high, one.risk
    action, high, risk = np.full(n, NO_ACTION, np.uint8), np.zeros(n, np.bool_), np.full(n, math.nan)
    for answer in answers:
        rows, each = answer.rows, answer.decisions
        action[rows], high[rows], risk[rows] = each.action, each.high, each.risk
    return action, high, risk


def _of_signal(kind: str, symbol: str, answers: Sequence[Answer], i: int) -> tuple[str, Numbers]:
    for answer in answers:
        at = int(np.searchsorted(answer.rows, i))
        if at < len(answer.rows) and int(answer.rows[at]) == i:
            break
    said = answer.decisions
    up, confidence, expected = (
        float(column[at]) for column in (said.probability_up, said.confidence, said.expected_return_bps)
    )
    verb = "buy" if kind == SIGNAL_HIGH_BUY else "sell"
    message = f"{symbol}: {verb} with high confidence by {answer.model}, probability of a rise {up:.3f}"
    return message, {
        "probability_up": {"value": up},
        "confidence": {"value": confidence},
        "expected_return_bps": {"value": None if math.isnan(expected) else expected},
        "model": {"value": answer.model},
    }
