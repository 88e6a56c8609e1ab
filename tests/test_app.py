"""The door, opened as Faust opens it: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
WATCHED = """
import gc

runs = []
gc.callbacks.append(lambda phase, info: runs.append(phase))
import app

print(len(runs) < 10, gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_the_collector_sleeps_through_the_imports_and_then_leaves_them_alone() -> None:
    """It took a quarter of the CPU of a start, and found nothing."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(command, env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True True True\n", "")
