import gzip
import lzma
import math
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.files import TickFile, TickFileError
from streams.feeds.wire import encode_tick
from streams.records import Tick

T = 1_378_215_000_000_000_000

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_every_column_in_any_order_with_foreign_ones_between(write: Write) -> None:
    path = write(
        "a.csv",
        "venue,seq,side,note,ask_size,bid_size,ask,bid,size,price,ts_ns,symbol,clock\n"
        f"cme,17,buy,hello,4,3,2.5,1.5,7,2.25,{T},ES,replay\n"
        f",x-1,,,,,2.5,1.5,,,{T},NQ,\n",
    )
    assert list(TickFile(path)) == [
        Tick("ES", T, None, 2.25, 7.0, 1.5, 2.5, 3.0, 4.0, "buy", 17, "cme", "replay"),
        Tick("NQ", T, bid=1.5, ask=2.5, seq="x-1"),
    ]


def test_conditions_in_csv_and_json_lines(write: Write) -> None:
    expected = [Tick("A", T, price=1.0, conditions=("@", "T")), Tick("A", T, price=1.0)]
    csv = write("a.csv", f"symbol,ts_ns,price,conditions\nA,{T},1,@;T\nA,{T},1,\n")
    lines = write(
        "a.jsonl",
        f'{{"symbol":"A","ts_ns":{T},"price":1,"conditions":["@","T"]}}\n{{"symbol":"A","ts_ns":{T},"price":1}}',
    )
    assert list(TickFile(csv)) == list(TickFile(lines)) == expected
    assert next(iter(TickFile(lines, mapping=ColumnMapping(constants={"venue": "x"})))).conditions == ("@", "T")
    with pytest.raises(TickFileError, match=r"column conditions: .* at most 16 codes"):
        list(TickFile(write("b.csv", f"symbol,ts_ns,price,conditions\nA,{T},1,{'x' * 17}\n")))


def test_csv_as_spreadsheets_write_it(write: Write) -> None:
    path = write("a.csv", '\ufeff"ts", price,size\r\n"2013-09-03T08:30:00-05:00","1640.25",3\r\n\r\n')
    assert list(TickFile(path, symbol="ES")) == [Tick("ES", T, price=1640.25, size=3.0)]


def test_json_lines(write: Write) -> None:
    path = write(
        "a.jsonl",
        f'{{"symbol":"ES","ts_ns":{T},"price":1640,"side":"sell","seq":"a","bid":null,"other":[1]}}\n\n'
        '{"ts":"2013-09-03T13:30:00Z","bid":1,"ask":2.5}\n',
    )
    assert list(TickFile(path, symbol="NQ")) == [
        Tick("ES", T, price=1640.0, side="sell", seq="a"),
        Tick("NQ", T, bid=1.0, ask=2.5),
    ]


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", f"symbol,ts_ns,price\nA,{T},1\n"), ("a.ndjson", f'{{"symbol":"A","ts_ns":{T},"price":1}}')],
)
def test_compressed(write: Write, suffix: str, compress: Callable[[bytes], bytes], name: str, text: str) -> None:
    assert list(TickFile(write(name + suffix, compress(text.encode())))) == [Tick("A", T, price=1.0)]


def test_ticks_come_before_the_rest_is_read(write: Write) -> None:
    path = write("a.csv", f"symbol,ts_ns,price\nA,{T},1\nA,{T},bad\n")
    assert list(islice(TickFile(path), 1)) == [Tick("A", T, price=1.0)]


BAD_CELLS = [
    ("price", "-5", "not a finite number above 0"),
    ("price", "0", "not a finite number above 0"),
    ("price", "nan", "not a finite number above 0"),
    ("price", "inf", "not a finite number above 0"),
    ("price", "1_0", "not a number"),
    ("price", "1,5", "not a number"),
    ("bid", "x", "not a number"),
    ("size", "-1", "not a finite number of 0 or more"),
    ("ask_size", "inf", "not a finite number of 0 or more"),
    ("side", "BUY", "neither buy nor sell"),
    ("symbol", "A:B", "not 1 to 32 of"),
    ("ts_ns", "1.5", "not a whole number"),
    ("ts_ns", "0", "between 1970 and 2262"),
    ("ts_ns", str(2**63), "between 1970 and 2262"),
    ("ts", "2013-09-03 13:30:00", "RFC 3339"),
    ("ts", "1960-01-01T00:00:00Z", "between 1970 and 2262"),
]


@pytest.mark.parametrize(("column", "cell", "why"), BAD_CELLS)
def test_a_bad_cell_is_told_with_file_line_column_and_value(write: Write, column: str, cell: str, why: str) -> None:
    good = {"symbol": "A", "ts_ns": str(T), "price": "1"}
    bad = {**good, column: cell}
    if column == "ts":
        del good["ts_ns"], bad["ts_ns"]
        good["ts"] = "2013-09-03T13:30:00Z"
    good.setdefault(column, "")
    names = list(good)
    path = write(
        "a.csv", "\n".join([",".join(names), *(",".join(f'"{row[n]}"' for n in names) for row in (good, bad, good))])
    )
    with pytest.raises(TickFileError, match=why) as caught:
        list(TickFile(path))
    assert f"{path}, line 3, column {column}: " in str(caught.value)

    skipping = TickFile(path, skip_bad=True)
    assert len(list(skipping)) == 2
    assert skipping.skipped == 1
    assert skipping.first_bad is not None
    assert f"line 3, column {column}: " in skipping.first_bad


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"A,{T}", "2 cells under a header of 3"),
        (f"A,{T},1,2", "4 cells under a header of 3"),
        ("A,,1", "exactly one of ts and ts_ns"),
        (f"A,{T},", "column price: missing"),
        (f",{T},1", "column symbol: missing"),
        (f'A,{T},"1"x', "expected after"),
        (b"A,1,\xff", "not UTF-8"),
    ],
)
def test_a_bad_line_is_told_or_skipped(write: Write, line: str | bytes, why: str) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    path = write("a.csv", f"symbol,ts_ns,price\nA,{T},1\n".encode() + raw + f"\nA,{T},2\n".encode())
    with pytest.raises(TickFileError, match=f"line 3.*{why}"):
        list(TickFile(path))
    skipping = TickFile(path, skip_bad=True)
    assert [tick.price for tick in skipping] == [1.0, 2.0]
    assert [tick.price for tick in skipping] == [1.0, 2.0]  # reading again counts afresh
    assert skipping.skipped == 1


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (f'{{"symbol":"A","ts_ns":{T},"price":"1"}}', "column price: '1' expected"),
        (f'{{"symbol":"A","ts_ns":{T}.5,"price":1}}', "column ts_ns: "),
        (f'{{"symbol":5,"ts_ns":{T},"price":1}}', "column symbol: '5' expected"),
        (f'{{"symbol":"A","ts_ns":{T},"price":1,"side":"up"}}', "column side: 'up' invalid"),
        (f'{{"symbol":"A","ts_ns":{T},"price":1,"seq":[]}}', "column seq: "),
        (f'{{"symbol":"A","ts_ns":{T},"ts":"2013-09-03T13:30:00Z","price":1}}', "column ts: .* exactly one"),
        ('{"symbol":"A","price":1}', "column ts: exactly one"),
        (f'{{"symbol":"A","ts_ns":{T},"bid":1}}', "column price: missing"),
        (f'{{"ts_ns":{T},"price":1}}', "column symbol: missing"),
        (f'{{"symbol":"A","ts_ns":{T},"price":1e400}}', "price|JSON"),
    ],
)
def test_a_bad_json_line_is_told_or_skipped(write: Write, line: str, named: str) -> None:
    good = f'{{"symbol":"A","ts_ns":{T},"price":1}}'
    path = write("a.jsonl", f"{good}\n{line}\n{good}\n")
    with pytest.raises(TickFileError, match=f"line 2.*{named}"):
        list(TickFile(path))
    skipping = TickFile(path, skip_bad=True)
    assert len(list(skipping)) == 2
    assert skipping.skipped == 1


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "no column ts"),
        ("symbol,price", "no column ts"),
        ("symbol,ts,bid", "neither a column price nor bid and ask"),
        ("ts,price", "no column symbol"),
        ("symbol,ts,price,price", "twice"),
        ('"symbol"x,ts,price', "line 1"),
    ],
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_header_that_cannot_be_used_is_an_error_also_when_skipping(
    write: Write, header: str, why: str, skip_bad: bool
) -> None:
    with pytest.raises(TickFileError, match=why):
        list(TickFile(write("a.csv", header + "\nx,y,z\n" if header else ""), skip_bad=skip_bad))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", b"not gzip"),
        ("a.csv.gz", gzip.compress(b"symbol,ts_ns,price\n" * 100, mtime=0)[:-10]),
        ("a.csv.gz", gzip.compress(b"symbol,ts_ns,price\n", mtime=0)[:12] + b"\xff" * 20),
        ("a.csv.xz", b"not xz"),
        ("a.jsonl.xz", lzma.compress(b"\n" * 1000)[:-8]),
    ],
    ids=["not-gzip", "gzip-cut", "gzip-broken", "not-xz", "xz-cut"],
)
def test_a_damaged_file_is_named(write: Write, name: str, content: bytes) -> None:
    with pytest.raises(TickFileError, match=rf"{name}.*"):
        list(TickFile(write(name, content), skip_bad=True))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TickFileError, match=r"none\.csv: cannot be read: No such file"):
        list(TickFile(tmp_path / "none.csv"))


@pytest.mark.parametrize("name", ["a", "a.parquet.gz", "a.gz", "a.csv.zip", "a.json"])
def test_an_unknown_format_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot tell the format.*\.csv"):
        TickFile(name)


def test_a_symbol_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="symbol='A:B'"):
        TickFile("a.csv", symbol="A:B")


CODES = "conditions"
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
sizes = st.floats(min_value=0, allow_infinity=False, allow_nan=False)
valid_ticks = st.builds(
    Tick,
    symbol=st.from_regex(r"[A-Za-z0-9._/-]{1,32}", fullmatch=True),
    ts_ns=st.integers(1, 2**63 - 1),
    price=positive,
    size=sizes,
    bid=st.none() | positive,
    ask=st.none() | positive,
    bid_size=st.none() | sizes,
    ask_size=st.none() | sizes,
    side=st.sampled_from([None, "buy", "sell"]),
    seq=st.none() | st.integers(0, 2**53) | st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    venue=st.none() | st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    conditions=st.lists(st.from_regex(r"[A-Z0-9@]{1,16}", fullmatch=True), max_size=4).map(tuple),
)


@given(ticks=st.lists(valid_ticks, max_size=20))
def test_written_ticks_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, ticks: list[Tick]) -> None:
    folder = tmp_path_factory.mktemp("files")
    names = [name for name in Tick.__struct_fields__ if name != "ts"]
    rows = [
        [
            "" if (v := getattr(t, n)) is None else v if isinstance(v, str) else ";".join(v) if n == CODES else repr(v)
            for n in names
        ]
        for t in ticks
    ]
    (folder / "a.csv").write_text("\n".join(",".join(row) for row in [names, *rows]))
    (folder / "a.jsonl").write_bytes(b"\n".join(encode_tick(tick) for tick in ticks))
    assert list(TickFile(folder / "a.csv")) == ticks
    assert list(TickFile(folder / "a.jsonl")) == ticks


@given(content=st.binary(max_size=300), name=st.sampled_from(["a.csv", "a.jsonl", "a.csv.gz", "a.jsonl.xz"]))
def test_any_bytes_give_ticks_or_a_tick_file_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("files") / name
    if name.endswith("gz"):
        content = gzip.compress(content)
    header = b"symbol,ts_ns,price\n" if name == "a.csv" else b""
    path.write_bytes(header + content)
    for skip_bad in (False, True):
        with suppress(TickFileError):
            for tick in TickFile(path, symbol="A", skip_bad=skip_bad):
                assert tick.ts_ns is not None
                assert tick.price is None or 0 < tick.price < math.inf


def test_encoding_leaves_out_what_says_nothing() -> None:
    assert msgspec.json.decode(encode_tick(Tick("A", 5, price=1.5, size=2.0))) == {
        "symbol": "A", "ts_ns": 5, "price": 1.5, "size": 2.0,
    }  # fmt: skip
