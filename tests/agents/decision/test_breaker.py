"""The breaker: closed, open, probing; nobody waits for a probe."""

from dataclasses import dataclass

from agents.decision.breaker import FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker


@dataclass
class FakeCall:
    """A call on its way."""

    done: bool = False
    took_s: float = 0.0


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_it_opens_and_closes_again() -> None:
    """After the pause, once the hung call is back, a probe that is in time closes it."""
    clock, hung, probe = Clock(), FakeCall(), FakeCall()
    breaker = Breaker(0.05, clock)
    assert breaker.closed
    assert not breaker.wants_probe
    breaker.opened(hung)
    assert not breaker.closed
    assert not breaker.wants_probe
    clock.now = FIRST_PAUSE_S
    assert not breaker.wants_probe  # the call still hangs
    hung.done = True
    assert breaker.wants_probe
    breaker.probe(probe)
    assert not breaker.wants_probe
    assert not breaker.closed
    probe.done, probe.took_s = True, 0.05
    assert breaker.closed
    assert not breaker.wants_probe


def test_the_pause_doubles_with_each_late_probe() -> None:
    """Up to a minute; closed once, it begins again with the first."""
    clock = Clock()
    breaker = Breaker(0.05, clock)
    breaker.opened(FakeCall(done=True))
    pause = FIRST_PAUSE_S
    for _ in range(8):
        clock.now += 0.99 * pause
        assert not breaker.wants_probe
        clock.now += 0.02 * pause
        assert breaker.wants_probe
        breaker.probe(FakeCall(done=True, took_s=0.06))
        assert not breaker.closed
        pause = min(2 * pause, LONGEST_PAUSE_S)
    clock.now += LONGEST_PAUSE_S
    breaker.probe(FakeCall(done=True, took_s=0.01))
    assert breaker.closed
    breaker.opened(None)
    clock.now += FIRST_PAUSE_S
    assert breaker.wants_probe
