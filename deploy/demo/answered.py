"""Which records of a topic have been answered, exactly, in little memory."""


class Answered:
    """Offsets of one partition, from 0 on, that have their answer.

    Answers come nearly in order, so all is known by a mark below which everything is answered and the few offsets
    ahead of it. `count` is the number of different offsets answered, `repeated` how many answers came again.
    """

    __slots__ = ("_ahead", "_mark", "repeated")

    def __init__(self) -> None:
        self._mark = 0
        self._ahead: set[int] = set()
        self.repeated = 0

    @property
    def count(self) -> int:
        """Different offsets answered."""
        return self._mark + len(self._ahead)

    def add(self, offset: int) -> bool:
        """Note an answer; returns whether it is the first one for this offset."""
        if offset < self._mark or offset in self._ahead:
            self.repeated += 1
            return False
        self._ahead.add(offset)
        while self._mark in self._ahead:
            self._ahead.remove(self._mark)
            self._mark += 1
        return True
