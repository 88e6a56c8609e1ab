"""A worker whose registry of models is a bucket: a version uploaded there is promoted and signs."""

import asyncio
from collections.abc import Callable

import msgspec

from streams.feature_set import FeatureSet
from streams.records import Signal
from tables.models.bucket import BucketStore
from tables.models.manifest import encode_manifest
from tests.e2e.test_model_stream import ticks
from tests.e2e.world import World
from tests.models import version
from tests.object_store import bucket, s3_endpoint

__all__ = ["bucket", "s3_endpoint"]

SET = FeatureSet.load("classics")
BEFORE, BEHIND = 300, 900


async def test_a_version_in_a_bucket_serves(make_world: Callable[..., World], bucket: str, s3_endpoint: str) -> None:
    world = make_world(
        partitions=2,
        HAYATE_FEATURE_SET=SET.name,
        HAYATE_MODEL_REGISTRY=f"s3://{bucket}/models",
        HAYATE_S3_ENDPOINT=s3_endpoint,
        HAYATE_MODEL_ROLLBACK_AFTER="0",
        HAYATE_MODEL_DEADLINE_MS="10000",
    )
    made = version(SET, rows=900)
    store = BucketStore(bucket, "models", endpoint=s3_endpoint)
    files = {**made.files, "manifest.json": encode_manifest(made.manifest)}
    assert await asyncio.to_thread(store.put, made.manifest.name, made.manifest.version, files)
    worker = world.start_worker()
    await worker.ready()
    await world.produce(ticks(0, BEFORE))
    await world.read("signals", BEFORE, worker=worker)
    await world.promote(made.manifest.model, worker)
    await world.produce(ticks(BEFORE, BEHIND))
    signals = await world.read("signals", BEFORE + BEHIND, worker=worker)
    signers = [msgspec.json.decode(each.value, type=Signal).model for each in signals]
    assert set(signers) == {"rules@1", made.manifest.model}
    assert signers.count(made.manifest.model) > BEHIND * 0.8
    assert worker.stop() == 0
    log = worker.log.read_text()
    assert "not loaded" not in log
    assert "testing" not in log, "credentials"
