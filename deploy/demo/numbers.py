"""Numbers for people."""


def number(value: float | None, places: int) -> str:
    """With thousands separators and so many decimal places; a dash for none."""
    return "-" if value is None else f"{value:,.{places}f}"
