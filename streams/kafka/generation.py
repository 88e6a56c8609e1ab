"""Whether this member's generation is the group's: one heartbeat, asked for."""

from typing import Any

from aiokafka import AIOKafkaConsumer


async def is_current(consumer: AIOKafkaConsumer) -> bool:
    """Ask the coordinator now. False while this member joins, or has to join again, which aiokafka then does by itself.

    Raises:
        aiokafka.errors.KafkaError: the coordinator cannot be reached, or refuses.
    """
    coordinator: Any = consumer._coordinator
    generation = coordinator.generation
    # While it joins, a heartbeat would be answered for the generation that is over.
    if generation < 0 or not _settled(coordinator):
        return False
    await coordinator.ensure_coordinator_known()
    # The answer of aiokafka 0.14 is also True where the group is rebalancing; it has asked for a rejoin then.
    known = await coordinator._do_heartbeat()
    return bool(known) and coordinator.generation == generation and _settled(coordinator)


def _settled(coordinator: Any) -> bool:
    return not coordinator._rejoin_needed_fut.done() and not coordinator._performed_join_prepare
