"""The same job in Quix Streams, in an environment of its own: state and changelog on, one record per message.

quix.py JOB kernel     the same kernel per record, the row of state as bytes
quix.py JOB talipp     talipp's indicators, as its users would write it: dicts and JSON, the objects in memory and
                       the last prices in the state, for the objects themselves cannot be stored there
"""

import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.contestant import Job

KEPT = 50
"""Prices in the state, the longest of the windows."""


def application(job: Job) -> Any:
    """Changelog, acknowledgements by all, the start of the topic."""
    from quixstreams import Application  # type: ignore[import-not-found]  # noqa: PLC0415 - in its own environment

    return Application(
        broker_address=job.servers,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        state_dir=Path(job.folder) / "state",
        use_changelog_topics=True,
        # The changelog is made by the library, with as many partitions as the source.
        auto_create_topics=True,
        producer_extra_config={"acks": "all", "enable.idempotence": True},
        loglevel="WARNING",
    )


def with_kernel(job: Job) -> Any:
    """The kernel of one_tick.py."""
    from quixstreams import message_context  # noqa: PLC0415

    from tests.benchmarks.peers.one_tick import OneTick  # noqa: PLC0415 - talipp's users have no kernel

    kernel = OneTick(job.feature_set)

    def step(value: bytes, key: Any, timestamp: int, headers: Any, state: Any) -> bytes:  # noqa: ARG001
        context = message_context()
        id_ = f"ticks-{context.partition}-{context.offset}"
        record, row = kernel.step(id_, context.offset, value, state.get_bytes("row"))
        state.set_bytes("row", row)
        return record

    app = application(job)
    source = app.topic(job.source, key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(job.target, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(source).apply(step, stateful=True, metadata=True).to_topic(target)
    return app


def with_talipp(job: Job) -> Any:
    """The eight classics."""
    from talipp.indicators import BB, EMA, MACD, RSI, SMA  # noqa: PLC0415

    symbols: dict[str, list[Any]] = {}

    def made(prices: list[float]) -> list[Any]:
        return [
            *(SMA(period, input_values=prices) for period in (5, 20, 50)),
            *(EMA(period, input_values=prices) for period in (12, 26)),
            RSI(14, input_values=prices),
            MACD(12, 26, 9, input_values=prices),
            BB(20, 2, input_values=prices),
        ]

    def step(value: dict[str, Any], state: Any) -> dict[str, Any]:
        symbol, price = value["symbol"], value.get("price")
        prices = state.get("prices", [])
        indicators = symbols.get(symbol)
        if indicators is None:
            indicators = symbols[symbol] = made(prices)
        if price is not None:
            for indicator in indicators:
                indicator.add(price)
                indicator.purge_oldest(max(0, len(indicator) - KEPT))
            state.set("prices", [*prices, price][-KEPT:])
        values: dict[str, Any] = {}
        for number, indicator in enumerate(indicators):
            last = indicator[-1] if len(indicator) else None
            if last is not None and not isinstance(last, float):
                values |= {f"{number}_{name}": part for name, part in vars(last).items()}
            else:
                values[str(number)] = last
        return {"symbol": symbol, "ts_ns": value["ts_ns"], "price": price, "values": values}

    app = application(job)
    source = app.topic(job.source, key_deserializer="bytes", value_deserializer="json")
    target = app.topic(job.target, key_serializer="bytes", value_serializer="json")
    app.dataframe(source).apply(step, stateful=True).to_topic(target)
    return app


if __name__ == "__main__":
    {"kernel": with_kernel, "talipp": with_talipp}[sys.argv[2]](Job.read(sys.argv[1])).run()
