"""What aiokafka says while a broker is away: once in a while, with a count."""

import logging

from aiokafka import client, conn
from aiokafka.consumer import fetcher, group_coordinator
from aiokafka.producer import sender

from streams.kafka.outage_log import LOGGERS, Thinned, thin_out


def record(level: int, message: str, *arguments: object) -> logging.LogRecord:
    """One line."""
    return logging.LogRecord("aiokafka", level, __file__, 1, message, arguments, None)


def test_a_message_comes_through_once_per_interval() -> None:
    """Whatever its arguments; the next one says how many there were between."""
    now = 0.0
    thinned = Thinned(lambda: now)  # as it is when asked
    message = "Unable connect to node with id %s: %s"
    assert thinned.filter(record(logging.ERROR, message, 1, "refused"))
    for passed in (0.1, 5.0, 9.9):
        now = passed
        assert not thinned.filter(record(logging.ERROR, message, 2, "gone"))
    assert thinned.filter(record(logging.ERROR, "Unable to update metadata from %s", [1])), "another one"
    now = 10.0
    line = record(logging.ERROR, message, 1, "refused")
    assert thinned.filter(line)
    assert line.getMessage() == "Unable connect to node with id 1: refused (3 more like it in the last 10 s)"
    assert not thinned.filter(record(logging.ERROR, message, 1, "refused"))
    now = 20.0
    line = record(logging.ERROR, message, 1, "refused")
    assert thinned.filter(line)
    assert "1 more" in line.getMessage()


def test_the_loggers_are_those_that_aiokafka_uses() -> None:
    """One has another name than its module."""
    assert {module.log.name for module in (client, conn, fetcher, group_coordinator, sender)} == set(LOGGERS)


def test_what_is_no_trouble_is_left_alone() -> None:
    """Every time."""
    thinned = Thinned(lambda: 0.0)
    assert all(thinned.filter(record(logging.INFO, "Joined group %s", "g")) for _ in range(3))


def test_each_logger_has_one_filter_however_often_it_is_asked_for() -> None:
    """A worker makes several clients."""
    try:
        for _ in range(3):
            thin_out()
        for name in LOGGERS:
            assert [type(found) for found in logging.getLogger(name).filters] == [Thinned]
    finally:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.filters = [found for found in logger.filters if not isinstance(found, Thinned)]
