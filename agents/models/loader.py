"""Loads versions in a thread, so that the stream never waits for a disk, a bucket or a compiler."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from streams.errors import HayateError
from tables.models.registry import ModelRegistry

if TYPE_CHECKING:
    from agents.decision.version import ModelVersion

log = logging.getLogger(__name__)

KEPT: Final = 16
"""Versions in memory that nobody needs any more."""
RETRY_S: Final = 5.0
"""Between attempts to load a version that could not be."""


class Loader:
    """Versions for one feature set."""

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        outputs: Sequence[str],
        schema: str,
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        """`outputs` and `schema`: names and version of the feature set; `on_error`: called for each failed attempt."""
        self._registry = registry
        self._outputs = tuple(outputs)
        self._schema = schema
        self._on_error = on_error
        self._versions: dict[str, ModelVersion] = {}
        self._why: dict[str, str] = {}
        self._tried: dict[str, float] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def get(self, model: str) -> "ModelVersion | None":
        """A loaded version; one that is not, is loaded beside."""
        found = self._versions.get(model)
        if found is None and self._may_try(model):
            self._begin(model)
        return found

    def why(self, model: str) -> str:
        """Why `get` has nothing."""
        return self._why.get(model, f"model {model} is being loaded")

    async def load(self, model: str) -> bool:
        """Wait until it is loaded or cannot be; whether it is. One that could not be is tried again."""
        if model not in self._versions:
            await asyncio.shield(self._begin(model))
        return model in self._versions

    def forget(self, needed: set[str]) -> None:
        """Let go of the oldest of those that nobody needs, beyond `KEPT`."""
        spare = [model for model in self._versions if model not in needed]
        for model in spare[: max(0, len(spare) - KEPT)]:
            del self._versions[model]

    async def close(self) -> None:
        """Wait for nothing: what is being loaded is given up."""
        for task in self._loading.values():
            task.cancel()

    def _may_try(self, model: str) -> bool:
        now = asyncio.get_running_loop().time()
        return model not in self._loading and now - self._tried.get(model, -RETRY_S) >= RETRY_S

    def _begin(self, model: str) -> "asyncio.Task[None]":
        if model not in self._loading:
            task = asyncio.create_task(self._load(model), name=f"loading {model}")
            self._loading[model] = task
            task.add_done_callback(lambda _: self._loading.pop(model, None))
        return self._loading[model]

    async def _load(self, model: str) -> None:
        self._tried[model] = asyncio.get_running_loop().time()
        try:
            async with self._turn:  # one at a time: the cores are for the stream
                version = await asyncio.to_thread(self._in_thread, model)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ladder goes on without this version
            why = str(error) if isinstance(error, HayateError) else f"model {model}: {error!r}"
            if self._why.get(model) != why:
                log.error("not loaded, others serve in its place: %s", why)
            self._why[model] = why
            self._on_error()
        else:
            self._why.pop(model, None)
            self._versions[model] = version
            log.info("model %s is loaded", model)

    def _in_thread(self, model: str) -> "ModelVersion":
        from agents.decision.version import ModelVersion  # noqa: PLC0415 - its runtime takes a while to import

        manifest, files = self._registry.load(model)
        version = ModelVersion.load(manifest, files, outputs=self._outputs, schema=self._schema)
        version.warm_up()
        return version
