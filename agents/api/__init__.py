"""The HTTP interface of the feature store (docs/http.md). It reads Redis, never the partitions of a worker."""
