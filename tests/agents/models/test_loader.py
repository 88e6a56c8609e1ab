"""Versions in memory: loaded beside the loop, each once at a time, the oldest spare ones let go."""

import asyncio

import pytest

from agents.models.loader import KEPT, RETRY_S, Loader
from tables.models.memory import MemoryStore
from tables.models.registry import ModelRegistry
from tests.models import Made


@pytest.fixture
def store(pair: tuple[Made, Made]) -> MemoryStore:
    """With both versions."""
    found = MemoryStore()
    for made in pair:
        ModelRegistry(found).put(made.manifest, made.files)
    return found


def loader_of(store: MemoryStore, made: Made, errors: list[int]) -> Loader:
    """For the feature set of `made`; each failed attempt is noted in `errors`."""
    feature_set = made.feature_set
    return Loader(
        ModelRegistry(store),
        outputs=feature_set.outputs,
        schema=feature_set.version,
        on_error=lambda: errors.append(1),
    )


async def test_who_asks_first_has_it_loaded_beside(store: MemoryStore, pair: tuple[Made, Made]) -> None:
    errors: list[int] = []
    loader, model = loader_of(store, pair[0], errors), pair[0].manifest.model
    assert loader.get(model) is None
    assert loader.why(model) == f"model {model} is being loaded"
    assert await loader.load(model)
    found = loader.get(model)
    assert found is not None
    assert found.model == model
    assert not errors


async def test_a_registry_that_is_away_is_asked_again_but_not_all_the_time(
    store: MemoryStore, pair: tuple[Made, Made]
) -> None:
    errors: list[int] = []
    loader, model = loader_of(store, pair[0], errors), pair[0].manifest.model
    store.away = True
    assert not await loader.load(model)
    assert "away" in loader.why(model)
    for _ in range(5):
        assert loader.get(model) is None
        await asyncio.sleep(0)
    assert len(errors) == 1
    loader._tried[model] -= RETRY_S
    store.away = False
    assert loader.get(model) is None
    assert await loader.load(model)
    assert loader.get(model) is not None


async def test_what_nobody_needs_is_let_go_the_oldest_first(store: MemoryStore, pair: tuple[Made, Made]) -> None:
    loader = loader_of(store, pair[0], [])
    version = pair[0].load()
    names = [f"m{number}@{'0' * 12}" for number in range(KEPT + 3)]
    loader._versions = dict.fromkeys(names, version)
    loader.forget({names[0]})
    assert [*loader._versions] == [names[0], *names[3:]]


async def test_closing_waits_for_nothing(store: MemoryStore, pair: tuple[Made, Made]) -> None:
    loader, model = loader_of(store, pair[0], []), pair[0].manifest.model
    loader.get(model)
    await loader.close()
    await asyncio.sleep(0)
    assert loader.get(f"{model[:-1]}x") is None, "a name that is none is asked for like any other"
