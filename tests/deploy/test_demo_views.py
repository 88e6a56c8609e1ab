"""What a person sees: a table that fits the usual terminal, or plain lines."""

import io

import pytest
from rich.console import Console

from deploy.demo.board import BoardView
from deploy.demo.lines import LineView
from deploy.demo.snapshot import Row, Snapshot
from deploy.demo.tally import Decision


def row(symbol: str, action: str = "buy", signals: int = 12_345) -> Row:
    decision = Decision(action, 0.25, fallback=False, model="rules@1")  # type: ignore[arg-type]  # any of the three
    return Row(symbol, 11_646.75, (11_646.75, 58.2, -0.02), decision, 110.94, signals)


def snapshot(*rows: Row, seconds: float = 12.0) -> Snapshot:
    return Snapshot(
        seconds, 1_012_345, 1029.0, 12, 1_012_333, 1_012_332, 1001.0, median_ms=4.25, p99_ms=20.1, rows=rows
    )


def console(width: int = 100, height: int = 30) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=True, width=width, height=height, color_system=None), output


def full() -> Snapshot:
    return snapshot(row("ES"), *(row(f"SIM{number:03d}") for number in range(1, 21)))


def test_the_board_fits_a_terminal_of_100_by_30() -> None:
    screen, _ = console()
    view = BoardView(screen, "title", "note")
    lines = screen.render_lines(view.render(full(), rows=21), pad=False)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) <= 29
    assert not any("…" in line for line in text)
    expected = "ES real 11,646.75 11,646.75 58.20 -0.02 buy 0.25 110.9 ms 12,345 rules@1"
    assert [" ".join(line.split()) for line in text if line.startswith("ES ")] == [expected]
    assert sum("simulated" in line for line in text) == 20


def test_a_low_terminal_shows_the_symbols_with_most_signals() -> None:
    screen, _ = console(height=10)
    view = BoardView(screen, "title", "note")
    rows = [row("ES", signals=1), row("SIM001", signals=5), row("SIM002", signals=9), row("SIM003", signals=7)]
    with screen.capture() as captured:
        screen.print(view.render(snapshot(*rows), rows=3))
    text = captured.get()
    shown = [line.split()[0] for line in text.splitlines() if "real" in line or "simulated" in line]
    assert shown == ["ES", "SIM002", "SIM003"]
    assert "1 more symbols" in text


def test_the_board_leaves_its_last_table_on_the_screen() -> None:
    screen, output = console()
    with BoardView(screen, "title", "note") as view:
        view.show(snapshot(row("ES", action="hold")))
        view.show(full())
        before = len(output.getvalue())
    after = output.getvalue()[before:]
    assert "SIM020" in after.partition("\x1b[?1049l")[2]


def test_after_an_error_the_board_only_gives_the_screen_back() -> None:
    screen, output = console()
    view = BoardView(screen, "title", "note")
    with view:
        view.show(full())
    output.truncate(output.seek(0))
    with pytest.raises(RuntimeError), view:
        raise RuntimeError
    assert output.getvalue().partition("\x1b[?1049l")[2].strip("\x1b[?25h\n") == ""


def test_values_that_are_not_there_are_dashes() -> None:
    screen, _ = console()
    view = BoardView(screen, "title", "note")
    with screen.capture() as captured:
        screen.print(view.render(snapshot(Row("ES", None, (None, None, None), None, 0.0, 0)), rows=5))
    (line,) = (line for line in captured.get().splitlines() if line.startswith("ES "))
    assert line.split() == ["ES", "real", "-", "-", "-", "-", "-", "-", "-", "0", "-"]


def test_plain_lines_show_totals_the_real_symbol_and_what_changed() -> None:
    output = io.StringIO()
    with LineView(output) as view:
        view.show(snapshot(row("ES"), row("SIM001"), row("SIM002", "sell")))
        first = output.getvalue().splitlines()
        view.show(snapshot(row("ES"), row("SIM001", "hold"), row("SIM002", "sell")))
    second = output.getvalue().splitlines()[len(first) :]
    assert first[0].split()[:4] == ["12.0", "s", "ticks", "1,012,345"]
    assert [line.split()[:2] for line in first[1:]] == [
        ["ES", "real"],
        ["SIM001", "simulated"],
        ["SIM002", "simulated"],
    ]
    assert [line.split()[0] for line in second[1:]] == ["ES", "SIM001"]
    assert "hold at 0.25  110.9 ms" in second[2]


def test_plain_lines_stay_few_when_everything_changes() -> None:
    output = io.StringIO()
    view = LineView(output)
    view.show(full())
    assert len(output.getvalue().splitlines()) == 1 + 1 + 5
    view.show(snapshot(Row("ES", None, (None, None, None), None, 0.0, 0)))
    assert len(output.getvalue().splitlines()) == 7 + 1
