"""Where a lane begins: what the group has committed of its partition, checked against what is there."""

import asyncio
from typing import Final

from faust.types import TP

from agents.job import Broker
from streams.errors import StateError
from streams.kafka.checkpoint import Checkpoint, Origin, check_origin, decode_checkpoint
from streams.kafka.tail import TailReader

BROKER_TIMEOUT_S: Final = 15.0
"""Deadline of one question to the broker."""


async def find_beginning(broker: Broker, tails: TailReader, tp: TP, origin: Origin) -> tuple[int, Checkpoint | None]:
    """Committed offset of `tp`, 0 where there is none, and the checkpoint beside it.

    Raises:
        StateError: it was committed for another feature set or topic, or lies behind the end of the partition.
    """
    found, end = await asyncio.gather(
        broker.committed_with_metadata(tp, BROKER_TIMEOUT_S), tails.end(tp.topic, tp.partition)
    )
    if found is None:
        return 0, None
    where = f"{tp.topic}[{tp.partition}]"
    committed, metadata = found
    checkpoint = decode_checkpoint(metadata, where)
    if checkpoint is not None:
        check_origin(checkpoint.origin, origin, where)
    if committed > end:
        raise StateError(
            f"{where} ends at {end}, but offset {committed} was committed: the topic was made anew; see "
            "`faust -A app state show`, start anew with `faust -A app state reset`"
        )
    return committed, checkpoint
