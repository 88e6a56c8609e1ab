"""Whose rows the data directory holds: those of one changelog topic, told by the id that Kafka gave it.

A changelog that was made anew (`faust -A app state reset`), or that of another application, has another id. Rows left
from before must then never be used: with the new changelog still short they are refused for being ahead of it, and once
it has grown past them they would come back to life without a word. Everything local is in Kafka as well, so they go.
"""

import logging
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

IDENTITY_FILE = "changelog-id"


def keep_only_rows_of(changelog_id: str, data_dir: Path, table_dir: Path) -> bool:
    """Remove the rows in `table_dir` unless they are those of this changelog; says whether there were any to remove.

    `data_dir` is locked by the caller, and no table is open. An interruption at any point is made good by the next
    call: the id is written last.

    Raises:
        OSError: they cannot be removed, or the id cannot be written.
    """
    file = data_dir / IDENTITY_FILE
    if file.is_file() and file.read_text(encoding="ascii", errors="replace").strip() == changelog_id:
        return False
    removed = table_dir.is_dir() and any(table_dir.iterdir())
    if removed:
        log.warning("%s: not the rows of the changelog that is there now; recovered from it anew", table_dir)
        shutil.rmtree(table_dir)
    draft = file.with_suffix(".new")
    draft.write_text(f"{changelog_id}\n", encoding="ascii")
    draft.replace(file)
    return removed
