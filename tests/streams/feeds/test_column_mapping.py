import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping, load_mapping
from streams.feeds.event_times import TimeFormat
from streams.feeds.files import TickFile, TickFileError
from streams.records import Tick

NINE_NS = 1_742_169_600_000_000_000
"""2025-03-17T09:00:00+09:00."""

JST = """
[columns]
ts = "Time"
price = "Price"
[time]
zone = "Asia/Tokyo"
[file_name]
pattern = '^(?P<date>\\d{8})_(?P<symbol>\\d+)'
[constants]
venue = "tse"
size = 100
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_a_day_of_seconds_whose_name_has_date_and_symbol(write: Write) -> None:
    path = write("20250317_7203_b.csv", "Time,Price\n09:00:00,2750.5\n09:00:01,2755\n")
    mapping = load_mapping(write("tse.toml", JST))
    assert list(TickFile(path, mapping=mapping)) == [
        Tick("7203", NINE_NS, price=2750.5, size=100.0, venue="tse"),
        Tick("7203", NINE_NS + 10**9, price=2755.0, size=100.0, venue="tse"),
    ]


def test_columns_of_the_command_line(write: Write) -> None:
    path = write("a.csv", "Time,Price,size,side\n09:00:00,5,3,?\n")
    mapping = ColumnMapping().with_columns("price=Price, ts=Time,side=").with_time(date="20250317", zone="Asia/Tokyo")
    assert list(TickFile(path, symbol="A", mapping=mapping)) == [Tick("A", NINE_NS, price=5.0, size=3.0)]
    assert mapping.with_time() == mapping


def test_a_dump_without_header_with_the_makers_side(write: Write) -> None:
    """As exchanges publish their trades: no header, semicolons, milliseconds, `true` where the buyer was the maker."""
    mapping = load_mapping(
        write(
            "dump.toml",
            """
            [columns]
            seq = "id"
            size = "qty"
            ts = "time"
            side = "is_buyer_maker"
            [time]
            unit = "ms"
            [side]
            True = "sell"
            False = "buy"
            [csv]
            delimiter = ";"
            header = ["id", "price", "qty", "time", "is_buyer_maker"]
            """,
        )
    )
    path = write("a.csv", "17;61000.5;0.25;1742169600001;True\n18;61000.4;0.5;1742169600002;False\n")
    assert list(TickFile(path, symbol="BTC/USDT", mapping=mapping)) == [
        Tick("BTC/USDT", NINE_NS + 1_000_000, price=61000.5, size=0.25, side="sell", seq=17),
        Tick("BTC/USDT", NINE_NS + 2_000_000, price=61000.4, size=0.5, side="buy", seq=18),
    ]


def test_json_lines_with_texts_for_numbers_and_nested_values(write: Write) -> None:
    mapping = ColumnMapping(
        {"symbol": "s", "price": "data.p", "size": "data.q", "ts": "data.T", "side": "data.m"},
        time=TimeFormat(unit="ms"),
        sides={"true": "sell", "false": "buy"},
    )
    path = write(
        "a.jsonl",
        '{"s":7203,"data":{"p":"5.5","q":2,"T":1742169600000,"m":true},"venue":"x"}\n'
        '{"s":"B","data":{"p":"6","T":"1742169600000.5","m":false},"seq":5.0}\n',
    )
    assert list(TickFile(path, mapping=mapping)) == [
        Tick("7203", NINE_NS, price=5.5, size=2.0, side="sell", venue="x"),
        Tick("B", NINE_NS + 500_000, price=6.0, side="buy", seq=5),
    ]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"s":"A","t":1,"p":[]}', "column p: '[]' not a number"),
        ('{"s":true,"t":1,"p":1}', "column s: 'True' not a text"),
        ('{"s":"A","t":1,"p":true}', "column p: 'True' not a number"),
        ('{"s":"A","t":"x","p":1}', "column t: 'x' not a number"),
        ('{"s":"A","t":1,"p":1,"seq":1.5}', "column seq: '1.5' neither a whole number nor a text"),
        ('{"s":"A","t":1,"p":1,"side":"B"}', "column side: 'B' none of b, buy, sell"),
        ('{"s":"A","p":1}', "column t: exactly one of ts and ts_ns"),
        ('{"s":"A","t":1}', "column p: missing"),
        (f'{{"s":"A","t":1,"p":1{"0" * 400}}}', "column p: "),
    ],
)
def test_bad_values_are_named_by_the_files_own_columns(write: Write, line: str, named: str) -> None:
    mapping = ColumnMapping({"symbol": "s", "ts": "t", "price": "p"}, time=TimeFormat(unit="s"), sides={"b": "buy"})
    path = write("a.jsonl", f'{{"s":"A","t":1,"p":1}}\n{line}\n')
    with pytest.raises(TickFileError, match=f"line 2, {re.escape(named)}"):
        list(TickFile(path, mapping=mapping))
    skipping = TickFile(path, mapping=mapping, skip_bad=True)
    assert (len(list(skipping)), skipping.skipped) == (1, 1)


@pytest.mark.parametrize(
    ("header", "mapping", "named"),
    [
        ("a,b", {"price": "Price"}, "no column 'Price' for price"),
        ("Price,ts,Price", {"price": "Price"}, "a column twice"),
        ("Price,symbol", {"price": "Price"}, "no column ts or ts_ns"),
        ("ts,symbol", {"price": ""}, "neither a column price nor bid and ask"),
        ("ts,price", {}, "no column symbol"),
    ],
)
def test_a_header_that_the_mapping_does_not_fit(write: Write, header: str, mapping: dict[str, str], named: str) -> None:
    with pytest.raises(TickFileError, match=re.escape(named)):
        list(TickFile(write("a.csv", header + "\n"), mapping=ColumnMapping(mapping)))


def test_a_file_name_that_does_not_match_is_named(write: Write) -> None:
    mapping = load_mapping(write("tse.toml", JST))
    with pytest.raises(ConfigError, match=r"toyota\.csv: its name does not match"):
        TickFile("toyota.csv", mapping=mapping)
    with pytest.raises(ConfigError, match="date '20259999'"):
        TickFile("20259999_7203.csv", mapping=mapping)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("price = 5", "'price': unknown; give tables of columns"),
        ("[prices]\n", "'prices': unknown"),
        ("[columns]\nprise = 'p'", "columns: 'prise' is no field of a tick"),
        ("[columns]\nts = 'a'\nts_ns = 'b'", "ts and ts_ns are the same time twice"),
        ("[columns]\nprice = ['p']", "columns: 'price' = ['p']; give a text"),
        ("[time]\nformat = 'x'", "time format='x'"),
        ("[time]\ntimezone = 'UTC'", "time: 'timezone' is unknown; give unit, format, zone, date"),
        ("[time]\ndate = 'monday'", "date 'monday'"),
        ("[side]\nB = 'bid'", "side: 'B' = 'bid'"),
        ("[constants]\nts = '5'", "constants: 'ts' cannot be one"),
        ("[constants]\nsymbol = 'A B'", "constants: symbol = 'A B'"),
        ("[constants]\nprice = 'x'", "constants: price = 'x' is not a number"),
        ("[constants]\nprice = 1\n[columns]\nprice = 'p'", "constants: 'price' has a column too"),
        ("[file_name]\npattern = '('", "file_name pattern='('"),
        ("[file_name]\npattern = '(?P<day>.)'", "file_name: group 'day'"),
        ("[csv]\ndelimiter = '::'", "csv delimiter='::'"),
        ("[csv]\nheader = 'a,b'", "csv: header='a,b'"),
        ("[csv]\nheaders = []", "csv: 'headers' is unknown"),
        ("[csv", "name a readable TOML file"),
    ],
)
def test_a_mapping_file_that_cannot_be_is_refused_by_entry(write: Write, text: str, named: str) -> None:
    path = write("m.toml", text)
    with pytest.raises(ConfigError, match=re.escape(named)) as refused:
        load_mapping(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_mapping_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["price", "price=a,price=b", ""])
def test_bad_columns_of_the_command_line_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--columns {text}: "):
        ColumnMapping().with_columns(text)
    with pytest.raises(ConfigError, match="'prise' is no field"):
        ColumnMapping().with_columns("prise=p")


@pytest.mark.parametrize("options", [{"columns": {"symbol": "s"}}, {"constants": {"symbol": "A"}}])
def test_what_the_name_says_wins(options: dict[str, Any]) -> None:
    mapping = ColumnMapping(file_name=r"(?P<symbol>[A-Z]+)(-(?P<venue>\w+))?", **options)
    found = mapping.for_file(Path("x/ES.csv"))
    assert dict(found.constants) == {"symbol": "ES"}
    assert found.column("symbol") is None
