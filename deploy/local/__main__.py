"""`python -m deploy.local`: Kafka and Redis on this machine with nothing but pip packages."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.progress import Console
from deploy.local.stack import DEFAULT_FOLDER, LocalStack
from streams.errors import HayateError

NOT_RUNNING = 3
"""Exit status of `status` when a server is not up, as service scripts have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error, 3 from `status` when a server is not up."""
    options = _parser().parse_args(arguments)
    stack = LocalStack(options.data, os.environ)
    try:
        return _run(stack, options)
    except HayateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was being started is stopped again", file=sys.stderr)
        return 130


def _run(stack: LocalStack, options: argparse.Namespace) -> int:
    console = Console(sys.stdout)
    match options.command:
        case "up":
            stack.up(console)
        case "down":
            stack.down(purge=options.purge, progress=console)
        case "status":
            states = stack.status()
            for state in states:
                console.say(f"{state.name}: {state.line}")
            return 0 if all(state.up for state in states) else NOT_RUNNING
        case "logs":
            for name in [options.server] if options.server else ["redis", "kafka"]:
                for path, lines in stack.logs(name, options.lines):
                    console.say("\n".join([f"==> {path} <==", *lines]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local",
        description="Kafka and Redis on this machine with nothing but pip packages. Addresses in HAYATE_KAFKA_URL and "
        "HAYATE_REDIS_URL are used instead; HAYATE_CACHE is where downloads are kept.",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="data and logs (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", parents=[data], help="start what does not run yet, and say where it answers")
    down = commands.add_parser("down", parents=[data], help="stop what was started here")
    down.add_argument("--purge", action="store_true", help="also remove data and logs")
    commands.add_parser("status", parents=[data], help="say what runs where; exit status 3 if a server is not up")
    logs = commands.add_parser("logs", parents=[data], help="show the last lines of the logs")
    logs.add_argument("server", nargs="?", choices=["kafka", "redis"])
    logs.add_argument("-n", dest="lines", type=int, default=40, metavar="N", help="lines (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
