"""What is remembered: indicator state (RocksDB and its changelog) and the feature store (Redis)."""
