"""Feast's side of tests.benchmarks.reads: runs in an environment of its own, which has Feast and nothing of ours."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Write the values into Feast's keys in the same Redis, read them, print the seconds as JSON."""
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - Feast brings it
    from feast import (  # type: ignore[import-not-found]  # noqa: PLC0415
        Entity,
        FeatureStore,
        FeatureView,
        Field,
        FileSource,
        RepoConfig,
    )
    from feast.types import Float64  # type: ignore[import-not-found]  # noqa: PLC0415

    wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    address = urlsplit(wanted["url"])
    columns = [f"f{n}" for n in range(len(wanted["names"]))]
    now = datetime.now(timezone.utc)  # noqa: UP017 - whatever Python Feast runs on
    frame = pd.DataFrame([row[: len(columns)] for row in wanted["values"]], columns=columns)
    frame.insert(0, "symbol", wanted["symbols"])
    frame["ts"] = now
    frame.to_parquet("values.parquet")
    online = {"type": "redis", "connection_string": f"{address.hostname}:{address.port},db={address.path.strip('/')}"}
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry="registry.db",
            online_store=online,
            entity_key_serialization_version=3,
        )
    )
    symbol = Entity(name="symbol", join_keys=["symbol"])
    view = FeatureView(
        name="view",
        entities=[symbol],
        ttl=timedelta(days=1),
        schema=[Field(name=name, dtype=Float64) for name in columns],
        source=FileSource(path="values.parquet", timestamp_field="ts"),
    )
    store.apply([symbol, view])
    store.write_to_online_store("view", frame)
    features = [f"view:{name}" for name in columns]
    rows = {1: [{"symbol": wanted["symbols"][0]}], 100: [{"symbol": name} for name in wanted["symbols"]]}
    found: dict[str, list[float]] = {}
    for count, entities in rows.items():
        seconds = found[f"Feast get_online_features, {count} x {len(columns)}"] = []
        for n in range(20 + wanted["reads"] // (1 if count == 1 else 8)):
            begun = time.perf_counter()
            answer = store.get_online_features(features=features, entity_rows=entities).to_dict()
            if n >= 20:
                seconds.append(time.perf_counter() - begun)
        if answer["f0"][0] != wanted["values"][0][0]:
            raise SystemExit(f"Feast reads {answer['f0'][0]!r}, {wanted['values'][0][0]!r} was written")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
