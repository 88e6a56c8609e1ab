"""Pauses between the lanes of a failing partition, and their end."""

from random import Random

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, RequestTimedOutError
from faust.types import TP

from agents.restarts import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_RESTARTS, WITHIN_S, Restarts, is_away
from streams.errors import FatalError, RetryError


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def restarts(clock: Clock) -> Restarts:
    return Restarts(TP("ticks", 3), clock, Random(1))


def because(cause: BaseException) -> RetryError:
    error = RetryError("produce failed")
    error.__cause__ = cause
    return error


AWAY = [
    TimeoutError(),
    KafkaConnectionError(),
    RequestTimedOutError(),
    because(KafkaConnectionError()),
    because(TimeoutError()),
]
NOT_AWAY = [RetryError("x"), MessageSizeTooLargeError(), because(MessageSizeTooLargeError())]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_server_that_is_away_is_waited_for(restarts: Restarts, clock: Clock, error: Exception) -> None:
    assert is_away(error)
    for _ in range(1_000):
        clock.now += restarts.pause_s(error, 5)


@pytest.mark.parametrize("error", NOT_AWAY, ids=repr)
def test_a_lane_that_does_not_get_on_ends_the_worker_by_name(
    restarts: Restarts, clock: Clock, error: Exception
) -> None:
    assert not is_away(error)
    for _ in range(MAX_RESTARTS - 1):
        clock.now += restarts.pause_s(error, 5)
    name = type(error).__name__
    with pytest.raises(FatalError, match=rf"^ticks\[3\] failed {MAX_RESTARTS} times within \d+ s at offset 5 .*{name}"):
        restarts.pause_s(error, 5)


def test_getting_on_begins_anew(restarts: Restarts, clock: Clock) -> None:
    for committed in range(100):
        clock.now += restarts.pause_s(RetryError("x"), committed)
    for _ in range(MAX_RESTARTS - 2):
        clock.now += restarts.pause_s(RetryError("x"), None)
    with pytest.raises(FatalError, match="at offset 99"):
        restarts.pause_s(RetryError("x"), None)


def test_failures_far_apart_are_forgotten(restarts: Restarts, clock: Clock) -> None:
    """A partition without records commits nothing and is none the worse."""
    for _ in range(100):
        restarts.pause_s(RetryError("x"), 5)
        clock.now += WITHIN_S / (MAX_RESTARTS - 1) + 0.01


def test_pauses_grow_to_their_bound_and_are_spread(restarts: Restarts) -> None:
    pauses = [restarts.pause_s(TimeoutError(), 5) for _ in range(12)]
    longest = FIRST_PAUSE_S
    for pause in pauses:
        assert longest / 2 <= pause <= longest
        longest = min(2 * longest, LONGEST_PAUSE_S)
    assert len(set(pauses)) == len(pauses)
    assert restarts.pause_s(TimeoutError(), 6) <= FIRST_PAUSE_S
