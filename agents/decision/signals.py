"""Decisions into the bytes of Signal records."""

from collections.abc import Sequence
from typing import Final

import msgspec

from agents.decision.decisions import ACTIONS, Decisions
from streams.records import Signal

_ENCODER: Final = msgspec.json.Encoder()


def encode_signals(
    decisions: Decisions, ids: Sequence[str], symbols: Sequence[str], ts_ns: Sequence[int], schema: str, model_name: str
) -> list[bytes]:
    """One JSON Signal (streams/records.py) for each decision, in order.

    A NaN becomes null, which is how msgspec writes it. Floats are written in the shortest form that reads back to the
    same bits, so equal decisions give equal bytes.

    Args:
        decisions: n of them; `effective_weights` become the `weights` of each signal.
        ids: [n], those of the feature records.
        symbols: [n].
        ts_ns: [n], event times of the feature records, ns since the epoch.
        schema: version of the feature set that the records were made by.
        model_name: `name@version` of the model that decided.

    Raises:
        ValueError: the sequences are not of the same length.
    """
    names = decisions.names
    horizon_ms = decisions.horizon_ms
    encode = _ENCODER.encode
    return [
        encode(
            Signal(
                id=record_id,
                symbol=symbol,
                ts_ns=time,
                action=ACTIONS[action],
                probability_up=probability,
                confidence=confidence,
                expected_return_bps=expected,
                risk=risk,
                horizon_ms=horizon_ms,
                model=model_name,
                fallback=fallback,
                reason=reason,
                members=dict(zip(names, opinions, strict=True)),
                weights=dict(zip(names, shares, strict=True)),
                schema=schema,
                high=high,
            )
        )
        for (
            record_id,
            symbol,
            time,
            action,
            probability,
            confidence,
            expected,
            risk,
            fallback,
            reason,
            opinions,
            shares,
            high,
        ) in zip(
            ids,
            symbols,
            ts_ns,
            decisions.action.tolist(),
            decisions.probability_up.tolist(),
            decisions.confidence.tolist(),
            decisions.expected_return_bps.tolist(),
            decisions.risk.tolist(),
            decisions.fallback.tolist(),
            decisions.reason,
            decisions.members.tolist(),
            decisions.effective_weights.tolist(),
            decisions.high.tolist(),
            strict=True,
        )
    ]
