"""Kafka under Faust: micro-batches, the guarded transport, outlets, tails and topics."""
