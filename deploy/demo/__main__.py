"""`python -m deploy.demo`: real and simulated ticks through a worker of one's own, signals as they come."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console as RichConsole

from deploy.demo.board import BoardView
from deploy.demo.flow import View
from deploy.demo.interruption import InterruptedEarlyError
from deploy.demo.lines import LineView
from deploy.demo.market import Offer
from deploy.demo.run import Demonstration
from deploy.demo.worker import ROOT
from deploy.local.progress import Console
from streams.errors import HayateError
from streams.settings import Settings

FOLDER: Final = ROOT / ".hayate" / "demo"
SEED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a demonstration; returns the exit status: 0, also after Ctrl-C, or 1 if anything was wrong."""
    options = _parser().parse_args(arguments)
    offer = Offer(speed=options.speed, symbols=options.symbols, rate=options.rate, seed=SEED)
    console = Console(sys.stdout)
    title = _title(offer)

    def make_view(settings: Settings) -> View:
        where = f"metrics: http://{settings.web_host}:{settings.web_port}/metrics"
        rich = RichConsole()
        if rich.is_terminal:
            return BoardView(rich, title, f"Ctrl-C ends it and stops all it started.  {where}")
        console.say(f"{title}\n{where}")
        return LineView(sys.stdout)

    try:
        Demonstration(options.folder, os.environ, offer, console, make_view).run(options.seconds)
    except InterruptedEarlyError as early:
        console.say(str(early))
    except HayateError as error:
        print("\n".join(_told(error)), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). What Python would still flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _told(error: BaseException) -> list[str]:
    """What went wrong, first things first: an error while things were being stopped does not hide why they were."""
    before = error.__context__
    earlier = _told(before) if isinstance(before, HayateError) and before is not error.__cause__ else []
    return [*earlier, f"hayate: {error}"]


def _title(offer: Offer) -> str:
    real = f"ES: real, E-mini S&P 500, 2013-09-03, replayed at {offer.speed:g}x"
    return real + (f"   SIM...: {offer.symbols} simulated symbols" if offer.symbols else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo",
        description="Starts Kafka, Redis and a worker, sends them a recorded and a simulated market, and shows the "
        "signals. Servers in HAYATE_KAFKA_URL and HAYATE_REDIS_URL are used instead; what is written there is removed "
        "again.",
    )
    parser.add_argument("--seconds", type=_above_zero, metavar="S", help="end by itself (default: at Ctrl-C)")
    parser.add_argument(
        "--speed", type=_above_zero, default=4.0, metavar="X", help="pace of the recording (%(default)s)"
    )
    parser.add_argument("--symbols", type=_count, default=20, metavar="N", help="simulated symbols (%(default)s)")
    parser.add_argument(
        "--rate", type=_above_zero, default=200.0, metavar="R", help="simulated ticks per second in all (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR", help="data and logs (%(default)s)")
    return parser


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
