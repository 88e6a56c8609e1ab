"""The page about filters says what there is: its example is read, its keys, reasons and defaults are the real ones."""

import re
import tomllib
from pathlib import Path

from streams.layout import KEEPS
from streams.quality.file import KEYS, filters_of
from streams.quality.reasons import REASONS
from streams.quality.rules import QualityRules

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "filters.md").read_text(encoding="utf-8")
TABLE = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| `")]
"""Keys, defaults, what is rejected, reasons."""


def test_the_example_is_a_file_of_filters() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    filters = filters_of(tomllib.loads(example))
    assert filters.of("8306").hours_calendar == "XTKS"
    assert filters.of("BTC/USDT").trade_jump_max_bps == 200.0
    assert filters.of("7203").reject_crossed


def test_every_key_and_reason_is_there() -> None:
    assert {key for row in TABLE for key in re.findall(r"`(\w+)`", row[0])} == {*KEYS, "allow"}
    reasons = {reason for row in TABLE for reason in re.findall(r"`([\w-]+)`", row[3])}
    assert reasons == {*REASONS.values(), "not-allowed"} - {"late"}
    assert f"The highest {KEEPS} numbers" in PAGE


def test_the_defaults_are_the_real_ones() -> None:
    for keys, default, *_ in TABLE:
        names = [key for key in re.findall(r"`(\w+)`", keys) if key != "allow"]
        shown = [text.strip("` ") for text in default.split(",")]
        for name, text in zip(names, shown if len(shown) == len(names) else shown * len(names), strict=True):
            value = getattr(QualityRules(), name)
            real = "off" if not value and text == "off" else f"{value:g}" if isinstance(value, float) else str(value)
            assert text == real, name
