"""How records of one feature set become commands for Redis; whoever stores them another way has these methods, too."""

from collections.abc import Mapping, Sequence
from typing import Any

from tables.features.contract import FeatureWrite
from tables.features.keys import ACTIVE, FeatureKeys
from tables.features.library import LIVE, load_library, pack_header, put_command

Command = tuple[Any, ...]


class FeatureCommands:
    """Commands that call the library of tables/features/store.lua, one for each record.

    `ttls` are the lives of the history keys, in seconds, of those of `names` that keep any.
    """

    def __init__(
        self, keys: FeatureKeys, *, schema: str, names: Sequence[str], ttls: Mapping[str, int], latest_ttl_s: int
    ) -> None:
        self.keys = keys
        self.library, self._put, self._mark = load_library()
        self._header = pack_header(schema, latest_ttl_s, names, ttls)
        self._kept = frozenset(ttls)
        self._places = tuple(place for place, name in enumerate(names) if name in ttls)

    @property
    def keeps_history(self) -> bool:
        """Whether any value does."""
        return bool(self._kept)

    def put(self, write: FeatureWrite, age_s: int = LIVE) -> Command:
        """Store a record of the stream; with `age_s` one of the log, written there so many seconds ago, or one that is
        OVERTAKEN.

        Raises:
            TypeError, ValueError: a field of `write` is not what its type says.
        """
        return put_command(self._put, self.keys, self._header, write, self._kept, self._places, age_s)

    def mark(self, partition: int, expected: int | None, offset: int) -> Command:
        """Move the watermark of `partition` from `expected` (None: there is none) to `offset`."""
        before = "" if expected is None else str(expected)
        return ("FCALL", self._mark, 3, self.keys.watermark(partition), ACTIVE, self.keys.symbols, before, str(offset))
