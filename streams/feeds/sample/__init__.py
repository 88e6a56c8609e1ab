"""The real ticks that ship: 50,000 E-mini S&P 500 trades of 2013-09-03 (README.md beside this file)."""

from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).parent / "es_20130903.csv.gz"
"""Columns symbol, ts, price, size; streams.feeds.files.TickFile reads it."""
LICENSE: Final = Path(__file__).parent / "LICENSE.mlfinpy"
SYMBOL: Final = "ES"
COUNT: Final = 50_000
