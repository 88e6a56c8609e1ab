"""The feature store for whoever has no event loop: notebooks, scripts, other frameworks' threads."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from tables.feature_store import RealTimeFeatureStore
from tables.features.answers import FeatureHistory, LatestFeatures, PastFeatures
from tables.features.matrix import FeatureMatrix
from tables.features.schema import FeatureSchema

Answer = TypeVar("Answer")


class BlockingFeatureStore:
    """The reading methods of RealTimeFeatureStore, each waiting for its answer; safe to share between threads.

    It runs an event loop in a thread of its own, from the first call until `close`, or within `with`.

    Args:
        url: as RealTimeFeatureStore has it.
        options: its other arguments, by name.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._store = RealTimeFeatureStore(url, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="feature-store", daemon=True)
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"Blocking{self._store!r}"

    def __enter__(self) -> "BlockingFeatureStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def latest(
        self, symbol: str, names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> LatestFeatures | None:
        """As FeatureReads.latest."""
        return self._wait(self._store.latest(symbol, names, now_ns=now_ns))

    def latest_many(
        self, symbols: Sequence[str], names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> FeatureMatrix:
        """As FeatureReads.latest_many."""
        return self._wait(self._store.latest_many(symbols, names, now_ns=now_ns))

    def history(
        self, symbol: str, name: str, start_ns: int, end_ns: int, *, now_ns: int | None = None
    ) -> FeatureHistory:
        """As FeatureReads.history."""
        return self._wait(self._store.history(symbol, name, start_ns, end_ns, now_ns=now_ns))

    def as_of(self, symbol: str, names: Sequence[str] | None, ts_ns: int) -> PastFeatures | None:
        """As FeatureReads.as_of."""
        return self._wait(self._store.as_of(symbol, names, ts_ns))

    def symbols(self) -> list[str]:
        """As FeatureReads.symbols."""
        return self._wait(self._store.symbols())

    def schemas(self) -> list[FeatureSchema]:
        """As FeatureReads.schemas."""
        return self._wait(self._store.schemas())

    def close(self) -> None:
        """Close every connection and end the thread. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._store.stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def _wait(self, asking: Coroutine[Any, Any, Answer]) -> Answer:
        with self._lock:
            if self._closed:
                asking.close()
                raise RuntimeError(f"{self!r} is closed: make a new one")
            if not self._thread.is_alive():
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()
