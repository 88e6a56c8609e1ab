"""The demonstration trains a model while it streams, and the model takes over; without the extra the rules stay."""

import re
import signal
from pathlib import Path

from deploy.demo.learning import MISSING
from tests.deploy.test_demo_e2e import demonstration, figure, folder, given, left_running, read_until, rest

__all__ = ["folder", "given"]


def test_a_model_is_trained_promoted_and_judged_while_ticks_flow(folder: Path, given: dict[str, str]) -> None:
    with demonstration(folder, given) as process:
        before = read_until(process, r"right on ES: rules@1 .* es@[0-9a-f]{12} \d|the rules decide: ")
        process.send_signal(signal.SIGINT)
        output, status = rest(process)
    assert status == 0, output
    assert re.search(r"signals [1-9].*\n +the rules decide; a model is trained", before), before
    assert re.search(r"model trained in [\d.]+ s on 20,000 earlier ticks, promoted; report: \w", before), before
    assert re.search(r"ES +real .* es@[0-9a-f]{12}$", before, re.MULTILINE), before
    assert figure(output, "ticks in") == figure(output, "signals") > 0
    assert "lost = 0" in output
    assert left_running(folder) == []


def test_without_the_extra_the_rules_decide_and_one_line_says_so(
    folder: Path, given: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['lightgbm'] = None\n", encoding="ascii")
    with demonstration(folder, {**given, "PYTHONPATH": str(tmp_path)}, "--seconds", "3") as process:
        output, status = rest(process)
    assert status == 0, output
    assert MISSING in output
    assert "rules@1" in output
    assert not (folder / "training.log").exists()
