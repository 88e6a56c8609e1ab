"""The progress check: what it calls stuck, how soon, and what is no reason for a restart."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents import progress as module
from agents.progress import ASK_S, INTERVAL_S, STUCK_S, Place, ProgressCheck
from tests.agents.virtual_time import run

A, B = TP("ticks", 0), TP("ticks", 1)


class Broker:
    """What it says of each partition; an error, or nothing for ever."""

    def __init__(self) -> None:
        self.places: dict[TP, tuple[int, int]] = {}
        self.trouble: BaseException | None = None
        self.hanging = False
        self.asked: list[list[TP]] = []

    async def ask(self, tps: list[TP]) -> dict[TP, Place]:
        """The two questions."""
        self.asked.append(tps)
        if self.hanging:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        return {tp: Place(*self.places[tp]) for tp in tps}


def watched(
    broker: Broker, script: Callable[[ProgressCheck, Callable[[float], Any]], Any], ours: list[TP] | None = None
) -> None:
    """Run a script beside the check, in virtual time; `ours` may change on the way."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        check = ProgressCheck(loop.time)
        watching = asyncio.create_task(check.watch(lambda: [A, B] if ours is None else ours, broker.ask))
        await script(check, asyncio.sleep)
        watching.cancel()
        await asyncio.wait([watching])

    run(scenario())


def test_a_commit_that_stands_still_under_a_growing_lag_is_named_within_30_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its partition, lag and since when; the other partition is well. Healthy again once it moves."""
    broker = Broker()
    broker.places = {A: (100, 150), B: (7, 9)}

    async def script(check: ProgressCheck, sleep: Callable[[float], Any]) -> None:
        for second in range(31):
            broker.places = {A: (100, 150 + 10 * second), B: (7 + second, 9 + second)}
            assert check.verdict().healthy or second >= STUCK_S
            await sleep(1)
        healthy, text = check.verdict()
        assert not healthy
        assert re.match(r"ticks\[0\]: the committed offset 100 stands still for (2[5-9]|3[01]) s", text)
        assert re.search(r"the lag has grown from 50 to 3[0-9]0\n", text)
        assert "ticks[1]" not in text
        broker.places = {A: (101, 500), B: (40, 40)}
        await sleep(INTERVAL_S)
        assert check.verdict() == (True, "ok\n")

    watched(broker, script)
    assert [(r.levelname, r.getMessage().split(":")[0]) for r in caplog.records] == [
        ("ERROR", "health"),
        ("WARNING", "health"),
    ]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda _: (100, 100), id="nothing to do"),
        pytest.param(lambda _: (100, 101), id="an end without records behind the last commit"),
        pytest.param(lambda second: (100 + second // 15, 200 + 9 * second), id="slow, and behind ever more"),
        pytest.param(lambda second: (100, 100 if second < 25 else 150), id="something to do since a moment ago"),
    ],
)
def test_what_is_not_stuck(place: Callable[[int], tuple[int, int]]) -> None:
    """For a minute."""
    broker = Broker()

    async def script(check: ProgressCheck, sleep: Callable[[float], Any]) -> None:
        for second in range(40):
            broker.places = dict.fromkeys((A, B), place(second))
            await sleep(1)
            assert check.verdict() == (True, "ok\n")

    watched(broker, script)


@pytest.mark.parametrize("trouble", [KafkaConnectionError("refused"), "hangs"], ids=str)
def test_kafka_away_is_said_and_is_no_reason_for_a_restart(trouble: BaseException | str) -> None:
    """However long; and afterwards every partition has its time again."""
    broker = Broker()

    async def script(check: ProgressCheck, sleep: Callable[[float], Any]) -> None:
        broker.places = dict.fromkeys((A, B), (100, 150))
        await sleep(15)
        if isinstance(trouble, str):
            broker.hanging = True
        else:
            broker.trouble = trouble
        await sleep(100)
        healthy, text = check.verdict()
        assert healthy
        assert re.search(r"Kafka has not answered for (9\d|100) s", text)
        broker.hanging, broker.trouble = False, None
        broker.places = dict.fromkeys((A, B), (100, 900))
        await sleep(INTERVAL_S + ASK_S)
        assert check.verdict() == (True, "ok\n")
        broker.places = dict.fromkeys((A, B), (100, 950))
        await sleep(STUCK_S + INTERVAL_S)
        assert not check.verdict().healthy

    watched(broker, script)


def test_partitions_that_went_away_are_forgotten() -> None:
    """And those that come back begin anew; with none nobody is asked."""
    broker = Broker()
    ours = [A]

    async def script(check: ProgressCheck, sleep: Callable[[float], Any]) -> None:
        for second in range(30):
            broker.places = {A: (1, 5 + second)}
            await sleep(1)
        assert not check.verdict().healthy
        assert check.places.keys() == {A}
        ours.clear()
        await sleep(INTERVAL_S)
        assert check.verdict().healthy
        assert check.places == {}
        asked = len(broker.asked)
        await sleep(60)
        assert len(broker.asked) == asked
        ours.append(A)
        await sleep(INTERVAL_S)
        assert check.verdict().healthy
        assert check.places == {A: Place(1, 34)}

    watched(broker, script, ours)


def test_any_other_error_is_raised() -> None:
    """It is ours to mend."""

    async def scenario() -> None:
        async def ask(_: list[TP]) -> dict[TP, Place]:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await ProgressCheck(asyncio.get_running_loop().time).watch(lambda: [A], ask)

    run(scenario())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_unhealthy_is_just_what_the_docstring_says(steps: list[tuple[int, int]]) -> None:
    """Against the definition, over any history: some commit has stood for so long, and the lag grew meanwhile."""
    now = 0.0
    check = ProgressCheck(lambda: now)
    committed = end = 0
    history: list[tuple[float, int, int]] = []
    for commits, records in steps:
        end += records
        committed = min(end, committed + commits)
        check.saw({A: Place(committed, end)})
        history.append((now, committed, end))
        standing = [(at, e) for at, c, e in history if c == committed and e > committed]
        # The history of this commit begins where it was last seen level with the end, if it ever was.
        level = max((at for at, c, e in history if c == committed and e <= committed), default=None)
        begin, first_end = standing[0] if standing else (now, end)
        if level is not None:
            begin, first_end = level, committed
        stuck = now - begin >= STUCK_S and end > first_end
        assert check.verdict().healthy is not stuck
        now += INTERVAL_S


def test_the_limit_is_kept_by_the_numbers() -> None:
    """A look at the worst moment, two questions at their deadline, and still within 30 s."""
    assert module.STUCK_S + module.INTERVAL_S + module.ASK_S < 30
