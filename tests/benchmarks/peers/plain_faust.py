"""The same job in plain Faust, as its users write it: one record per event, the kernel called on each, its state in a
table with a changelog, the feature sent and awaited.
"""

import sys
from pathlib import Path
from typing import Any

import faust

from tests.benchmarks.peers.contestant import Job
from tests.benchmarks.peers.one_tick import OneTick


def build(job: Job) -> faust.App:
    """The app."""
    app = faust.App(
        job.group,
        broker=f"kafka://{job.servers}",
        store="rocksdb://",
        datadir=str(Path(job.folder) / "data"),
        topic_partitions=job.partitions,
        autodiscover=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
    )
    raw: Any = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    ticks = app.topic(job.source, **raw)
    features = app.topic(job.target, **raw)
    states: Any = app.Table(
        "state", key_type=bytes, value_type=bytes, partitions=job.partitions, options={"driver": "rocksdict"}
    )
    kernel = OneTick(job.feature_set)

    @app.agent(ticks)
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            id_ = f"ticks-{message.partition}-{message.offset}"
            record, states[event.key] = kernel.step(id_, message.offset, event.value, states.get(event.key))
            await features.send(key=event.key, value=record, partition=message.partition)

    return app


if __name__ == "__main__":
    application = build(Job.read(sys.argv[1]))
    sys.argv[1:] = ["worker", "-l", "warn", "--without-web"]
    application.main()
