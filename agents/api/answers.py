"""Answers as JSON. Floats are written in the shortest form that reads back to the same bits, NaN as null."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from tables.features.freshness import ABSENT_CODE, CODES
from tables.features.matrix import FeatureMatrix
from tables.signals.reads import LatestSignal

_ENCODER: Final = msgspec.json.Encoder()
_FLAGS: Final = {code: name for name, code in CODES.items()}
NO_STORE: Final = {"Cache-Control": "no-store"}
"""What is true only for a moment is kept by nobody on the way."""


def encoded(answer: Any) -> bytes:
    """`answer` as JSON."""
    return _ENCODER.encode(answer)


def json_response(answer: Any, headers: dict[str, str] | None = None) -> Response:
    """`answer` as the body of a response that nobody keeps, unless `headers` say otherwise."""
    return Response(encoded(answer), 200, NO_STORE if headers is None else headers, "application/json")


def rows_of(matrix: FeatureMatrix) -> dict[str, Any]:
    """A matrix as models.FeatureRows."""
    return {
        "schema": matrix.schema,
        "names": matrix.names,
        "rows": [_row(matrix, row) for row in range(len(matrix.symbols))],
    }


def signal_of(found: LatestSignal) -> dict[str, Any]:
    """A signal as models.LatestSignal."""
    return {"signal": msgspec.Raw(found.record), "age_s": found.age_s, "expired": found.expired}


def _row(matrix: FeatureMatrix, row: int) -> dict[str, Any]:
    codes = matrix.flags[row].tolist()
    there = matrix.status[row] != ABSENT_CODE
    return {
        "symbol": matrix.symbols[row],
        "status": _FLAGS[int(matrix.status[row])],
        "ts_ns": int(matrix.ts_ns[row]) if there else None,
        "age_s": float(matrix.age_s[row]) if there else None,
        "id": matrix.ids[row] if there else None,
        "values": matrix.values[row].tolist(),
        "flags": {name: _FLAGS[code] for name, code in zip(matrix.names, codes, strict=True) if code},
    }
