"""A bar on a terminal, lines elsewhere."""

from io import StringIO

from deploy.local.progress import Console, Silent


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True


def test_elsewhere_each_quarter_is_a_line() -> None:
    stream = StringIO()
    console = Console(stream)
    for done in range(0, 101, 5):
        console.advance("Kafka", done * 1_000_000, 100_000_000)
    assert stream.getvalue().splitlines() == [f"Kafka: {done}.0 of 100.0 MB" for done in (0, 25, 50, 75, 100)]


def test_a_terminal_gets_one_line_that_redraws_itself() -> None:
    stream = Terminal()
    console = Console(stream)
    for done in (0, 1, 500, 501, 1000):
        console.advance("Kafka", done * 1000, 1_000_000)
    drawn = stream.getvalue()
    assert drawn.count("\r") == 3, "drawn when the percentage moves"
    assert "[############------------]   50 %  0.5 of 1.0 MB"[:20] in drawn
    assert drawn.endswith("100 %  1.0 of 1.0 MB\n")
    assert drawn.count("\n") == 1


def test_a_second_download_starts_a_bar_of_its_own() -> None:
    stream = StringIO()
    console = Console(stream)
    console.advance("one", 8, 8)
    console.advance("two", 8, 8)
    console.say("done")
    assert stream.getvalue().splitlines() == ["one: 0.0 of 0.0 MB", "two: 0.0 of 0.0 MB", "done"]


def test_silence_takes_everything() -> None:
    Silent().say("nothing")
    Silent().advance("nothing", 1, 2)
