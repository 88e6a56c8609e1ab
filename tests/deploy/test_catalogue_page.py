"""docs/catalogue.md is what the docstrings say, and its links lead to its headings."""

import re
from pathlib import Path

from deploy import catalogue_page
from streams.indicators.catalogue import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalogue_page.text(), (
        "run `python -m deploy.catalogue_page > docs/catalogue.md`"
    )


def test_every_family_has_its_place_and_every_link_its_heading() -> None:
    text = catalogue_page.text()
    headings = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert len(headings) == len(FAMILIES)
    anchors = {"".join(c for c in h.lower().replace(" ", "-") if c.isalnum() or c in "-_") for h in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) == anchors
