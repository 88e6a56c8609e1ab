"""What is counted of the feature store beside its own counters: its filling from the topic, and the server's memory."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from tables.features.usage import Usage


class StoreMetrics:
    """Counters of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.healing = Gauge(
            "hayate_store_heal_partitions", "Partitions that are being filled from the topic", registry=registry
        )
        self.remaining = Gauge(
            "hayate_store_heal_remaining_records",
            "Records of the topic that are left to read for it, at most",
            registry=registry,
        )
        self.records = Counter(
            "hayate_store_heal_records", "Records read from the topic to fill the store", registry=registry
        )
        self.writes = Counter(
            "hayate_store_heal_writes", "Of these, what changed something in the store", registry=registry
        )
        self.bytes = Gauge("hayate_store_used_bytes", "Memory that Redis uses", registry=registry)
        self.max_bytes = Gauge("hayate_store_max_bytes", "Its maxmemory, 0 without one", registry=registry)
        self.keys = Gauge("hayate_store_keys", "Keys in its database", registry=registry)

    def set_usage(self, usage: Usage) -> None:
        """Set what the server says of itself."""
        self.bytes.set(usage.used_bytes)
        self.max_bytes.set(usage.max_bytes)
        self.keys.set(usage.keys)
