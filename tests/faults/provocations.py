"""What guards are against, made to happen on purpose in a running worker."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from aiokafka.errors import LeaderNotAvailableError
from aiokafka.producer.message_accumulator import MessageAccumulator

from streams.kafka.batching import Batch, BatchScheduler

DROPS: Final = 5
"""Not the last poll of a run: what was lost shows when more comes, or at the next start."""


def drop_polls(number: int) -> None:
    """Every `number`-th batch of ticks is lost between Faust's consumer and the agent, as faust 0.15.3 does it."""
    iterate = BatchScheduler.iterate
    seen = 0

    def lossy(self: BatchScheduler, records: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
        nonlocal seen
        kept = {}
        for tp, polled in records.items():
            ticks = isinstance(polled, Batch) and tp.topic.endswith("ticks")
            seen += ticks
            if ticks and seen % number == 0 and seen <= DROPS * number:
                print(f"drops {tp} from {polled.records[0].offset} to {polled.records[-1].offset}", flush=True)
            else:
                kept[tp] = polled
        return iterate(self, kept)

    BatchScheduler.iterate = lossy  # type: ignore[method-assign]


def fail_batch(number: int) -> None:
    """One batch of features, the `number`-th, fails in the queue, and the later ones are sent: what aiokafka 0.14 does
    to one that is older than its time to live while a partition has no leader."""
    drain = MessageAccumulator.drain_by_nodes
    left = number

    def failing(self: MessageAccumulator, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        for tp, batches in list(self._batches.items()):
            left -= tp.topic.endswith("features") and batches[0].retry_count == 0
            if left == 0:
                left = -1
                failed = batches.popleft()
                if not batches:
                    del self._batches[tp]
                print(f"fails {failed.record_count} records of {tp}", flush=True)
                failed.failure(LeaderNotAvailableError())
        return drain(self, *args, **kwargs)

    MessageAccumulator.drain_by_nodes = failing


PROVOCATIONS: Final[dict[str, Callable[[int], None]]] = {"drop-polls": drop_polls, "fail-batch": fail_batch}


def provoke(text: str) -> None:
    """Arm one, `name:number`."""
    name, _, number = text.partition(":")
    PROVOCATIONS[name](int(number))
