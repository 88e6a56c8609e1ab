"""What a read of the feature store answers: each says of which set it is, how old, and whether it may be used."""

import msgspec


class LatestFeatures(msgspec.Struct, frozen=True):
    """The features of one symbol after one record; a null value is None."""

    symbol: str
    ts_ns: int
    """Event time of the record, ns since the epoch."""
    schema: str
    """Version of the feature set."""
    status: str
    """Worst of the values that were asked for, now: `ready`, `stale`, `gapped`, `warming`
    (tables/features/freshness.py)."""
    id: str
    """Of the feature record."""
    price: float | None
    """Of the last trade; None before the first."""
    values: dict[str, float | None]
    flags: dict[str, str]
    """Of the values that are not ready; a null always has one."""
    age_s: float = 0.0
    """Seconds of event time between the record and the reader's now; below 0 where the reader's clock is behind."""


class PastFeatures(LatestFeatures, frozen=True, kw_only=True):
    """What was known of a symbol at a moment: the last record of the newest second that was over then.

    `age_s`, `status` and `flags` are those of that moment.
    """

    second: int
    """Unix second whose last record this is."""
    as_of_ns: int
    """The moment that was asked for, ns since the epoch."""


class HistoryPoint(msgspec.Struct, frozen=True):
    """The last value of one second."""

    second: int
    """Unix second."""
    value: float
    flag: str
    """As recorded: `ready`, `stale` or `gapped`."""
    ts_ns: int
    """Event time of the record."""
    id: str
    """Of the feature record."""


class FeatureHistory(msgspec.Struct, frozen=True):
    """Values of one feature by the second, ascending; seconds without a value are left out.

    All of one feature set, that of the newest point; points of another are left out.
    """

    symbol: str
    name: str
    schema: str
    """Empty where there is no point."""
    status: str
    """Of the newest point, now; `absent` where there is none."""
    age_s: float | None
    """Seconds of event time since the newest point; None where there is none."""
    points: list[HistoryPoint]

    @property
    def pairs(self) -> list[tuple[int, float]]:
        """(Unix second, value) of each point."""
        return [(point.second, point.value) for point in self.points]
