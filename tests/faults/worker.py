"""A worker that can hurt itself: `python -m tests.faults.worker`, with the arguments of `faust`.

FAULTS_STRIKE    SIGKILL:committed:3   a signal to itself at a step (tests/faults/steps.py)
FAULTS_WITHOUT   contiguity,tail       guards taken out (tests/faults/guards.py)
FAULTS_PROVOKE   drop-polls:20         what the guard is against, made to happen (tests/faults/provocations.py)
"""

import os
import sys

from faust.cli.faust import cli

from tests.faults import guards, provocations
from tests.faults.parent import die_with_parent
from tests.faults.steps import Strike, arm


def main() -> None:
    """Take guards out, provoke, arm, and be a worker."""
    die_with_parent()
    for name in filter(None, os.environ.get("FAULTS_WITHOUT", "").split(",")):
        guards.GUARDS[name]()
    for each in filter(None, os.environ.get("FAULTS_PROVOKE", "").split(",")):
        provocations.provoke(each)
    # Last: outermost, so that it strikes around whatever the function is by now.
    if text := os.environ.get("FAULTS_STRIKE"):
        arm(Strike.parse(text))
    sys.argv[0] = "faust"
    cli()


if __name__ == "__main__":
    main()
