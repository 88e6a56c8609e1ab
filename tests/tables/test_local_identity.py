"""Local rows are used for the changelog that they are of, and for no other."""

from pathlib import Path

import pytest

from tables.local_identity import IDENTITY_FILE, keep_only_rows_of


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A table folder with rows in it."""
    folder = tmp_path / "v1" / "tables"
    (folder / "state-0.db").mkdir(parents=True)
    (folder / "state-0.db" / "rows").write_text("old")
    return folder


def test_rows_of_the_same_changelog_stay(tmp_path: Path, tables: Path) -> None:
    (tmp_path / IDENTITY_FILE).write_text("a1\n")
    assert not keep_only_rows_of("a1", tmp_path, tables)
    assert (tables / "state-0.db" / "rows").read_text() == "old"


@pytest.mark.parametrize("before", ["a1\n", "", "\xff\xfe", None])
def test_rows_of_another_or_an_unknown_one_go(tmp_path: Path, tables: Path, before: str | None) -> None:
    if before is not None:
        (tmp_path / IDENTITY_FILE).write_text(before)
    assert keep_only_rows_of("b2", tmp_path, tables)
    assert not tables.exists()
    assert (tmp_path / IDENTITY_FILE).read_text() == "b2\n"
    assert not keep_only_rows_of("b2", tmp_path, tables)


def test_an_empty_folder_is_marked_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not keep_only_rows_of("a1", tmp_path, tmp_path / "v1" / "tables")
    assert (tmp_path / IDENTITY_FILE).read_text() == "a1\n"
    assert caplog.text == ""


def test_an_interruption_is_made_good(tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended while it removes: the old id still stands, so the next call removes the rest."""
    (tmp_path / IDENTITY_FILE).write_text("a1\n")

    def ended(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", ended)
        with pytest.raises(KeyboardInterrupt):
            keep_only_rows_of("b2", tmp_path, tables)
    assert (tmp_path / IDENTITY_FILE).read_text() == "a1\n"
    assert keep_only_rows_of("b2", tmp_path, tables)
    assert not tables.exists()
