"""One server from nothing to answering, or to a message that says why not."""

from deploy.local.errors import LocalError, PortTakenError
from deploy.local.processes import Process, spawn, wait_until
from deploy.local.progress import Progress
from deploy.local.server import Launch, NotReady, Server
from deploy.local.state import Running, State

PORT_ATTEMPTS = 5
PORT_TAKEN = "Address already in use"
LINES_SHOWN = 20


def start(server: Server, state: State, usual_port: int, progress: Progress) -> Running:
    """Start a server, record it, and wait until it answers.

    It gets the port it had before, else `usual_port`, else the next that is free; and yet another one if somebody took
    that between its choice and the start, as two checkouts starting at once do.

    Raises:
        LocalError: with the last lines of the log and the remedy.
    """
    before = state.read().get(server.name)
    port = before.port if before else usual_port
    attempt = 1
    while True:
        launch = server.prepare(port, progress)
        process = spawn(launch.argv, launch.env, server.output)
        record = Running(process, launch.port, launch.url, launch.chosen)
        state.put(server.name, record)  # at once: `down` must find it if we are killed while we wait
        if answers(server, launch.port, process, server.start_timeout_s):
            return record
        failure = _failure(server, launch, process)
        if not isinstance(failure, PortTakenError) or attempt == PORT_ATTEMPTS:
            raise failure
        attempt += 1
        port = launch.port + 2


def answers(server: Server, port: int, process: Process, timeout_s: float) -> bool:
    """Whether it answers within the time; gives up at once when the process ends."""
    settled = wait_until(lambda: not process.alive() or ready(server, port, process), timeout_s)
    return settled and process.alive()


def ready(server: Server, port: int, process: Process) -> bool:
    """Whether it answers now."""
    try:
        server.check(port, process)
    except NotReady:
        return False
    return True


def _failure(server: Server, launch: Launch, process: Process) -> LocalError:
    """Why it does not answer; if it still runs, it is stopped."""
    if process.alive():
        what = f"does not answer at {launch.url} after {server.start_timeout_s:.0f} s, and was stopped"
        process.stop(server.stop_timeout_s)
    else:
        what = "ended while it started"
    lines = server.last_words(LINES_SHOWN)
    taken = any(PORT_TAKEN in line for line in lines)
    remedy = f"port {launch.port} is taken: stop what listens there" if taken else server.remedy(lines)
    text = "\n".join(
        [
            f"{server.name}: {launch.chosen} {what}; the last lines of {server.logs[-1]}:",
            *(f"    {line}" for line in lines or ["(none)"]),
            f"remedy: {remedy}",
        ]
    )
    return PortTakenError(text) if taken else LocalError(text)
