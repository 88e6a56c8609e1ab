"""Prometheus metrics of the command `audit`."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from streams.audit.finding import Finding
from streams.audit.symbol_audit import Counts


class AuditMetrics:
    """What an auditor has done and found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.symbols = Gauge("hayate_audit_symbols", "Symbols under audit", registry=registry)
        self.records = Counter("hayate_audit_records", "Feature records held against definitions", registry=registry)
        self.values = Counter("hayate_audit_values", "Values and flags compared", registry=registry)
        self.unclaimed = Counter("hayate_audit_unclaimed", "Values of which nothing could be said", registry=registry)
        self.differences = Counter("hayate_audit_differences", "Values, flags, fields that differ", registry=registry)
        self.redis = Counter("hayate_audit_redis", "Latest hashes in Redis held against the topic", registry=registry)
        self.findings = Counter("hayate_audit_findings", "Alerts of the audit, by kind", ["kind"], registry=registry)
        self.lag = Gauge("hayate_audit_lag_records", "Ticks not audited yet", ["partition"], registry=registry)
        self._counted = Counts()

    def process(self) -> None:
        """Show the process's own numbers as well, where it is this command's."""
        ProcessCollector(registry=self.registry)

    def begin(self, symbols: int) -> None:
        """Another audit begins, of so many symbols: it counts from nothing, and reads other partitions."""
        self._counted = Counts()
        self.lag.clear()
        self.symbols.set(symbols)

    def count(self, counts: Iterable[Counts]) -> None:
        """Bring the counters up to what the symbols of this audit have counted."""
        now = total(counts)
        for name in ("records", "values", "unclaimed", "differences"):
            getattr(self, name).inc(getattr(now, name) - getattr(self._counted, name))
        self._counted = now

    def found(self, findings: Iterable[Finding]) -> None:
        """Count findings."""
        for finding in findings:
            self.findings.labels(finding.kind).inc()


def total(counts: Iterable[Counts]) -> Counts:
    """The sums."""
    result = Counts()
    for each in counts:
        for name in Counts.__dataclass_fields__:
            setattr(result, name, getattr(result, name) + getattr(each, name))
    return result
