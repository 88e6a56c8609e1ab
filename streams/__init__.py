"""What flows: records, codecs, topics, micro-batches, feeds and indicators."""
