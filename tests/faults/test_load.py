"""The load's ticks follow from its seed, and hold something of every kind."""

from itertools import islice
from pathlib import Path

import msgspec

from streams.marks import CLOCK_KIND
from streams.records import KIND
from tests.faults.load import ACKNOWLEDGED, closing_tick, read_acknowledged, ticks


def test_ticks_follow_from_the_seed() -> None:
    """The same again for one seed, others for another, later ones in a later part."""
    first = list(islice(ticks(1, 20, 4), 500))
    assert first == list(islice(ticks(1, 20, 4), 500))
    assert first != list(islice(ticks(2, 20, 4), 500))
    early, late = (msgspec.json.decode(next(ticks(1, 20, 4, part)).value)["ts_ns"] for part in (0, 1))
    assert late - early == 10**15


def test_there_is_something_of_every_kind() -> None:
    """Trades, quotes, both; no key, another partition, bad JSON, late ones; and marks in every partition."""
    made = list(islice(ticks(3, 20, 4), 5_000))
    texts = [tick.value for tick in made]
    assert sum(b'"price"' in text and b'"bid"' in text for text in texts) > 500
    assert sum(b'"price"' in text and b'"bid"' not in text for text in texts) > 500
    assert sum(b'"price"' not in text and b'"bid"' in text for text in texts) > 500
    assert any(tick.key is None for tick in made)
    assert any(not text.endswith(b"}") for text in texts)
    marks = [tick for tick in made if (KIND, CLOCK_KIND) in tick.headers]
    assert len(marks) > 40
    assert {tick.partition for tick in marks} == set(range(4))
    assert not any((KIND, CLOCK_KIND) in tick.headers for tick in made if tick.key)


def test_acknowledgements_become_values_again(tmp_path: Path) -> None:
    """Also those of the closing round; half a record at the end of a file that was cut is left out."""
    path = tmp_path / "acknowledged"
    found = ACKNOWLEDGED.pack(2, 1, 10) + ACKNOWLEDGED.pack(-4, 2, 7)
    path.write_bytes(found + b"\x00\x01")
    made = [tick.value for tick in islice(ticks(5, 20, 4), 3)]
    assert read_acknowledged(path, 5, 20, 4) == {(1, 10): made[2], (2, 7): closing_tick(3, 4).value}
