"""Where the runtime of a live feed puts gap marks and clock marks, and what it counts."""

from itertools import pairwise

import pytest

from streams.feeds.filters import trades_only
from streams.feeds.venue import Missing, NonTick, Send, Subscribed, Unbroken, Unreadable
from streams.marks import ClockMark, GapMark
from streams.records import Tick
from tests.streams.feeds.live_rig import LOST, WALL_NS, Rig, S, trade


async def test_marks_stand_between_the_last_tick_and_the_next() -> None:
    rig = Rig([trade("A", 1), trade("B", 1), trade("A", 2), LOST], [trade("A", 3), trade("B", 2), None])
    await rig.run(1.5)
    assert rig.kinds() == [
        *("gap A start", "A1", "gap B start", "B1", "A2"),
        *("gap A reconnect", "A3", "gap B reconnect", "B2"),
    ]
    await rig.end()
    assert rig.source.closed == rig.source.connected == 2


async def test_a_venue_that_proves_it_spares_the_mark_and_one_that_names_the_hole_makes_it() -> None:
    rig = Rig(
        [trade("A", 1), trade("B", 1), LOST],
        [Unbroken("A"), trade("A", 2), Missing("B", WALL_NS, "sequence"), trade("B", 5), None],
    )
    await rig.run(1.5)
    assert rig.kinds()[4:] == ["A2", "gap B sequence", "B5"]
    await rig.end()


async def test_a_quiet_symbol_is_marked_before_the_clock_goes_on() -> None:
    rig = Rig([trade("A", 1), 0.1, LOST], [trade("A", 2), None])
    await rig.run(0.05)
    before = list(rig.log)
    assert before == [GapMark("A", WALL_NS, "start"), trade("A", 1)]
    await rig.run(6.0)
    after = rig.log[2:]
    assert after[:2] == [GapMark("A", WALL_NS, "reconnect"), trade("A", 2)]
    quiet, *clocks = after[2:]
    assert isinstance(quiet, GapMark)
    assert (quiet.symbol, quiet.reason) == ("B", "start"), "it was never marked before"
    times = [mark.ts_ns for mark in clocks if isinstance(mark, ClockMark)]
    assert len(times) == len(clocks) >= 2
    assert quiet.ts_ns == times[0]
    assert [b - a for a, b in pairwise(times)] == [S] * (len(times) - 1)
    await rig.end()


async def test_a_symbol_has_a_moment_to_prove_that_nothing_is_missing() -> None:
    rig = Rig(
        [trade("A", 1), trade("B", 1), LOST],
        [Unbroken("A"), trade("A", 2), 1.5, Unbroken("B"), trade("B", 2), None],
    )
    await rig.run(10.0)
    assert rig.kinds()[4:] == ["A2", "B2"]
    behind = rig.log[rig.log.index(trade("B", 2)) :]
    assert not any(isinstance(item, ClockMark) for item in rig.log[: -len(behind)]), "the clock waited"
    assert any(isinstance(item, ClockMark) for item in behind)
    await rig.end()


async def test_the_clock_stands_still_while_there_is_no_connection() -> None:
    rig = Rig([trade("A", 1), trade("B", 1), 3.2, LOST], [20, trade("A", 2, 24), trade("B", 2, 24), None])
    await rig.run(3.1)
    seen = sum(isinstance(item, ClockMark) for item in rig.log)
    assert seen >= 2
    await rig.run(15.0)
    assert sum(isinstance(item, ClockMark) for item in rig.log) == seen
    await rig.run(15.0)
    marks = [item for item in rig.log if isinstance(item, ClockMark)]
    assert len(marks) > seen
    assert all(mark.clock == "v" for mark in marks)
    assert [m.ts_ns for m in marks] == sorted(m.ts_ns for m in marks)
    place = rig.log.index(marks[seen])
    assert {item.symbol for item in rig.log[:place] if isinstance(item, GapMark) and item.reason == "reconnect"} == {
        *("A", "B")
    }
    await rig.end()


async def test_a_second_process_writes_gaps_and_no_clock() -> None:
    rig = Rig([trade("A", 1), None], clock_marks=False)
    await rig.run(5.0)
    assert rig.kinds() == ["gap A start", "A1", "gap B start"]
    assert not any(isinstance(item, ClockMark) for item in rig.log)
    await rig.end()


async def test_marks_of_the_clock_are_in_every_partition() -> None:
    rig = Rig([trade("A", 1), trade("B", 1), None], partitions=4)
    await rig.run(5.5)
    await rig.end()
    counts = [sum(isinstance(item, ClockMark) for item in rig.sink.log[place]) for place in range(4)]
    assert counts == [rig.feed.counts.clock_marks] * 4
    assert counts[0] >= 3


async def test_everything_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    quote = Tick("B", WALL_NS, bid=1.0, ask=2.0)
    events = [Subscribed(("A",)), NonTick("beat"), NonTick("beat"), Unreadable("bad-json", "x"), Send("pong")]
    rig = Rig([*events, Unreadable("bad-json", "y"), trade("A", 1), quote, None], filters=[trades_only])
    await rig.run(0.5)
    counts = rig.feed.counts
    assert (counts.frames, counts.trades, counts.quotes, counts.connected) == (8, 1, 0, True)
    assert (counts.non_ticks, counts.unreadable, counts.filtered) == ({"beat": 2}, {"bad-json": 2}, {"quote": 1})
    line = await rig.end()
    assert line == (
        "v: 8 frames, 1 trades, 0 quotes, 1 filtered (quote 1), 2 other messages (beat 2), 2 unreadable (bad-json 2), "
        "1 gap marks (start 1), 1 sent, 1 acknowledged, 0 queued, not connected"
    )
    assert sum("unreadable" in text for text in caplog.messages) == 1, "the first of a reason is logged"


async def test_a_summary_every_minute() -> None:
    rig = Rig([trade("A", 1), None])
    await rig.run(130.0)
    assert len(rig.said) == 2
    assert rig.said[0].startswith("v: 1 frames, 1 trades")
    await rig.end()
