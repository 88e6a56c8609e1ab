"""The answers as the OpenAPI document describes them. They are encoded elsewhere (agents/api/answers.py)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agents.api.limits import MAX_NAMES, MAX_SYMBOLS
from streams.records import SYMBOL_PATTERN

MAX_NS = 2**63 - 1
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.@~]{0,63}$"


def _whole(value: object) -> object:
    """JSON has one kind of number, and its schema takes 2.0 for an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Symbol = Annotated[str, Field(pattern=SYMBOL_PATTERN, examples=["ES"])]
Name = Annotated[str, Field(pattern=NAME_PATTERN, examples=["sma_20"])]
Nanoseconds = Annotated[int, Field(ge=0, le=MAX_NS, examples=[1_378_216_387_032_000_000])]
Status = Literal["ready", "stale", "gapped", "warming"]
Flag = Literal["stale", "gapped", "warming", "undefined", "unavailable", "expired", "absent"]
Version = Annotated[str, Field(description="Version of the feature set", examples=["0123456789ab"])]


class Features(BaseModel):
    """The features of one symbol after one record. Numbers read back to the same bits."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "symbol": "ES",
                "ts_ns": 1378216387032000000,
                "schema": "0123456789ab",
                "status": "ready",
                "id": "ticks-0-49999",
                "price": 1638.25,
                "values": {"sma_20": 1638.4, "bb_percent_b": None},
                "flags": {"bb_percent_b": "undefined"},
                "age_s": 0.8,
            }
        },
    )

    symbol: str
    ts_ns: int = Field(description="Event time of the record, ns since the epoch")
    schema_: Version = Field(alias="schema")
    status: Status = Field(description="Worst of the values that were asked for, now")
    id: str = Field(description="Of the feature record")
    price: float | None = Field(description="Of the last trade")
    values: dict[str, float | None]
    flags: dict[str, Flag] = Field(description="Of the values that are not ready; a null always has one")
    age_s: float = Field(description="Seconds of event time since the record")


class PastFeatures(Features):
    """What was known at a moment; status, flags and age are those of that moment."""

    model_config = ConfigDict(json_schema_extra={})

    second: int = Field(description="Unix second whose last record this is")
    as_of_ns: int


class FeatureRow(BaseModel):
    """One symbol's row of a matrix."""

    symbol: str
    status: Status | Literal["absent"]
    ts_ns: int | None
    age_s: float | None
    id: str | None
    values: list[float | None] = Field(description="In the order of `names`")
    flags: dict[str, Flag]


class FeatureRows(BaseModel):
    """The newest features of many symbols, all of one feature set."""

    schema_: str = Field(alias="schema", description="Version of the feature set; empty where no symbol has a record")
    names: list[str]
    rows: list[FeatureRow] = Field(description="In the order of the symbols")


class FeaturesWanted(BaseModel):
    """What POST /v1/features asks for."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"example": {"symbols": ["ES"], "names": ["sma_20"]}}
    )

    symbols: list[Symbol] = Field(min_length=1, max_length=MAX_SYMBOLS)
    names: list[Name] | None = Field(default=None, min_length=1, max_length=MAX_NAMES, description="Without: all")
    now_ns: Annotated[Nanoseconds, BeforeValidator(_whole)] | None = Field(
        default=None, description="By what time ages are counted; without: the server's"
    )


class HistoryPoint(BaseModel):
    """The last value of one second."""

    second: int = Field(description="Unix second")
    value: float
    flag: Literal["ready", "stale", "gapped"]
    ts_ns: int
    id: str


class History(BaseModel):
    """Values of one feature by the second. Seconds without a value are left out."""

    symbol: str
    name: str
    schema_: str = Field(alias="schema", description="Version of the feature set; empty where there is no point")
    status: Status | Literal["absent"] = Field(description="Of the newest point, now")
    age_s: float | None = Field(description="Seconds of event time since the newest point")
    points: list[HistoryPoint]
    next_start_ns: int | None = Field(description="`start_ns` of the next page; null where this was the last")


class Symbols(BaseModel):
    """One page of the symbols that have features, sorted."""

    symbols: list[str]
    next: str | None = Field(description="`after` of the next page; null where this was the last")


class Schema(BaseModel):
    """The description of a feature set."""

    schema_: Version = Field(alias="schema")
    outputs: list[str]
    name: str
    groups: dict[str, str] = Field(description="Output -> group of the catalogue")
    units: dict[str, str] = Field(description="Output -> unit")
    limits: dict[str, float] = Field(description="Output -> seconds of event time after which it is stale")
    history: list[str] = Field(description="Outputs that keep a value per second")
    history_ttl_s: dict[str, int]
    latest_ttl_s: int


class Schemas(BaseModel):
    """The descriptions of all feature sets that write here."""

    schemas: list[Schema]


class LatestSignal(BaseModel):
    """The newest signal of a symbol."""

    signal: dict[str, Any] = Field(description="As in the topic `signals` (docs/records.md)")
    age_s: float
    expired: bool = Field(description="Whether its horizon is over")


class Health(BaseModel):
    """How the server is."""

    status: str
