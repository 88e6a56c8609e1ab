"""Training beside the demonstration: what it says when it cannot, fails, or is ended."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.demo import learning as module
from deploy.demo.board import BoardView
from deploy.demo.learning import MISSING, Learning, NotLearning, can_learn
from deploy.demo.tally import Decision
from streams.settings import Settings
from tests.deploy.test_demo_views import console, full

BASE = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}
WIDTH = 100


def learning_in(folder: Path) -> Learning:
    settings = Settings(model_registry=str(folder / "models"), data_dir=folder / "worker")
    return Learning(folder, settings, BASE)


def test_the_extra_is_looked_for_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXTRA", ("msgspec", "no_such_module_of_training"))
    assert not can_learn()
    monkeypatch.setattr(module, "EXTRA", ("msgspec",))
    assert can_learn()


async def test_without_the_extra_it_says_how_to_get_it_and_that_fits_a_line() -> None:
    await NotLearning().run()
    assert NotLearning.status == MISSING
    assert "make demo TRAIN=1" in MISSING
    assert len(MISSING) <= WIDTH


async def test_a_training_that_fails_is_told_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRAIN", ("train", "no_such_file.csv", "--name", "es"))
    learning = learning_in(tmp_path)
    await learning.run()
    assert learning.status.startswith("the rules decide: training failed (")
    assert "no_such_file.csv" in learning.status
    assert "no_such_file.csv" in learning.log.read_text(encoding="utf-8")


async def test_ended_early_it_leaves_nothing_running(tmp_path: Path) -> None:
    learning = learning_in(tmp_path)
    running = asyncio.create_task(learning.run())
    while not (children := _running_with(tmp_path)):  # noqa: ASYNC110 - a process announces nothing
        await asyncio.sleep(0.01)
    assert all(os.getsid(child) != os.getsid(0) for child in children)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert _running_with(tmp_path) == []


def test_a_whole_table_with_a_trained_model_fits_a_terminal_of_100_by_30() -> None:
    decision = Decision("sell", 0.25, fallback=True, model="es@0123456789ab")
    shown = replace(
        full(),
        rows=tuple(replace(row, decision=decision) for row in full().rows),
        learning="model trained in 123.4 s on 20,000 earlier ticks, promoted; report: no better than the baselines",
        accuracy="right on ES: rules@1 50.0% of 1,234 moves in 10 s; es@0123456789ab 50.0% of 12,345 moves in 2 s",
    )
    screen, _ = console()
    lines = screen.render_lines(BoardView(screen, "title", "note").render(shown, rows=21), pad=False)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) <= 29
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in text)
    assert sum(line.rstrip().endswith("es@0123456789ab") for line in text) == 21
    assert any("12,345 moves" in line for line in text)


def _running_with(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder / "models") in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found
