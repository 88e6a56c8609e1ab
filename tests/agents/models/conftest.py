"""A registry with two real versions, and the topics of a Hayate that runs their feature set."""

from pathlib import Path

import pytest

from deploy.local import Endpoints
from streams.feature_set import FeatureSet
from streams.kafka import topics
from streams.kafka.access import KafkaAccess
from streams.kafka.admin import connected_admin
from streams.settings import Settings
from tests.models import Made, version

PARTITIONS = 2


@pytest.fixture(scope="session")
def pair() -> tuple[Made, Made]:
    """Two versions of one model, for the feature set `classics`."""
    feature_set = FeatureSet.load("classics")
    one, other = (
        version(feature_set, members=("lightgbm",), stacker=False, rows=600, seed=seed).changed(
            created=f"2026-01-0{seed}T00:00:00Z"
        )
        for seed in (1, 2)
    )
    return one, other


@pytest.fixture
async def settings(services: Endpoints, topic_prefix: str, tmp_path: Path, pair: tuple[Made, Made]) -> Settings:
    """With the topics made and both versions in the registry."""
    for made in pair:
        made.write(tmp_path / "registry")
    found = Settings(
        kafka_url=services.kafka_url,
        topic_prefix=topic_prefix,
        app_id=f"{topic_prefix}app",
        partitions=PARTITIONS,
        data_dir=tmp_path / "data",
        model_registry=str(tmp_path / "registry"),
        feature_set="classics",
    )
    async with connected_admin(KafkaAccess.of(found)) as admin:
        await topics.ensure(admin, topics.specs(found))
    return found
