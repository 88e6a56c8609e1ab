"""The page of the feeds names every venue, and every condition that an adapter makes up."""

from pathlib import Path

import pytest

from streams.feeds.venues import NATIVE
from streams.feeds.venues.kabu_board import quote_conditions, trade_condition

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "feeds.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_every_venue_is_in_the_table(name: str) -> None:
    table = PAGE.partition("## Venues")[2].partition("\n\nWhere trades")[0]
    assert f"`{name}`" in table


def test_every_condition_of_kabu_station_is_named() -> None:
    words = [word for code in range(1, 24) for word in trade_condition(code)]
    words += [word for code in range(121) for word in quote_conditions(f"{code:04d}") if not word.startswith("sign-")]
    assert len(words) == 22 + 10
    assert [word for word in words if f"`{word}`" not in PAGE] == []
