"""What the figures are held against: ratios in one run, and a few limits."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.benchmarks.figures import OURS, Case

BARE: Final = "bare aiokafka loop"
FAUST: Final = "plain Faust"
QUIX: Final = "Quix Streams, same kernel"
STREAMS: Final = "Kafka Streams, store cache on"
SLOPE: Final = "slope per million ticks, 95% interval"


class Target(NamedTuple):
    """One of them."""

    case: str
    contestant: str
    measure: str
    ratio: bool
    """Whether the ratio to the base of the table is meant (how many times the base is better), else the figure."""
    at_least: float | None = None
    at_most: float | None = None
    lower_end: bool = False
    """Of an interval: the least value counts, not the median."""

    def found(self, cases: Mapping[str, Case]) -> float | None:
        """Median of the rounds, or the least of them; None where it was not measured."""
        case = cases.get(self.case)
        if case is None:
            return None
        spread = (case.advantage if self.ratio else case.spread)(self.contestant, self.measure)
        if spread is None:
            return None
        return spread.least if self.lower_end else spread.median

    def met(self, found: float) -> bool:
        """Whether the figure is within the limits."""
        return (self.at_least is None or found >= self.at_least) and (self.at_most is None or found <= self.at_most)

    def says(self, case: Case) -> str:
        """The target in words."""
        limit = f"at least {self.at_least:.3g}" if self.at_least is not None else f"at most {self.at_most:.3g}"
        if self.ratio:
            limit += f" times {self.contestant if case.base == OURS else case.base}"
        return f"{limit} (lower end)" if self.lower_end else limit


def _throughput(case: str) -> list[Target]:
    return [
        Target(case, FAUST, "ticks_s", True, at_least=40.0),
        Target(case, QUIX, "ticks_s", True, at_least=2.0),
        Target(case, STREAMS, "ticks_s", True, at_least=2.0),
        Target(case, BARE, "ticks_s", True, at_least=0.7),
    ]


def _latency(case: str) -> list[Target]:
    limits = {"to feature": (1.5, 2.0), "to Redis": (2.0, 2.5), "to signal": (3.0, 3.0)}
    return [
        Target(case, f"{OURS}, {to}", measure, True, at_most=limit)
        for to, both in limits.items()
        for measure, limit in zip(("p50_ms", "p99_ms"), both, strict=True)
    ]


TARGETS: Final = (
    *_throughput("throughput-default"),
    *_throughput("throughput-classics"),
    *_latency("latency-1000"),
    *_latency("latency-10000"),
    Target("inside", OURS, "p99_ms", False, at_most=2.0),
    Target("latency-1000", f"{OURS}, to feature", "cpu_share", False, at_most=25.0),
    *(Target("scaling", f"{count} workers", "ticks_cpu_s", True, at_most=1 / 0.9) for count in (2, 3)),
    Target("symbols", "1,000 symbols", "memory_mib", False, at_most=300.0),
    *(
        Target("soak", SLOPE, measure, False, at_most=0.0, lower_end=True)
        for measure in ("memory_mib", "p50_ms", "p99_ms")
    ),
)
