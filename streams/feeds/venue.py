"""What a feed needs to know of a venue: which frames to send, and what the frames it gets mean.

A venue is a pure state machine from frames to events. Sockets, clocks, retries and queues belong to the runtime
(streams/feeds/live.py), so every venue is tested by handing it recorded frames.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import aiohttp

from streams.records import Tick


class NonTick(NamedTuple):
    """A known message that is no tick: a heartbeat, an acknowledgement, a status."""

    kind: str
    """A short fixed word: the messages are counted by it."""


class Unreadable(NamedTuple):
    """A message that is unknown or malformed. It is counted by reason and never raises out of `receive`."""

    reason: str
    """A short fixed word: a metric label."""
    detail: str
    """For a person: what was found where, shortened."""


class Send(NamedTuple):
    """An answer to send now: a pong, the next step of a login."""

    data: str | bytes


class Missing(NamedTuple):
    """Ticks of a symbol are missing, by the venue's own sequence numbers: a gap mark goes before what comes next."""

    symbol: str
    ts_ns: int
    """Ticks before this time are missing: that of the first one behind the hole."""
    reason: str
    across: bool = False
    """What is missing may have come while there was no connection: these are the first such numbers since. Where the
    hole that the reconnect left is marked already, it is this one."""


class Unbroken(NamedTuple):
    """The venue's own numbers prove that nothing of a symbol was missed since the connection before.

    Given before the first tick of a symbol on a new connection, by venues whose numbers leave no room for doubt about
    everything that is subscribed; it spares the symbol the gap mark that a reconnect writes otherwise.
    """

    symbol: str


class Subscribed(NamedTuple):
    """The venue confirmed a subscription."""

    symbols: tuple[str, ...]


class Refused(NamedTuple):
    """The venue refused a login or a subscription."""

    detail: str
    fatal: bool
    """Trying again cannot help: a wrong key, a symbol that does not exist."""


Event: TypeAlias = Tick | NonTick | Unreadable | Send | Missing | Unbroken | Subscribed | Refused
"""A Tick has `ts_ns` (where the venue gives no time: when the frame was received), and `venue` and `clock` set to the
venue's name. `seq` is set only where the venue's numbers identify the event within symbol and kind."""


class Venue(Protocol):
    """One connection's worth of subscriptions at one venue."""

    name: str
    """Short, lower case: the `venue` and `clock` of its ticks, and the label of its metrics."""
    quiet_s: float
    """The connection is stale when nothing, heartbeats included, was received for longer than this."""
    heartbeat_s: float
    """Seconds between two frames of `heartbeat`."""

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        ...

    def url(self) -> str:
        """Return the address to connect to, `ws://` or `wss://`."""
        ...

    def headers(self) -> Mapping[str, str]:
        """Return HTTP headers of the handshake."""
        ...

    def open(self) -> Sequence[str | bytes]:
        """Return the frames to send after connecting, in order.

        Resets what belongs to a connection, but not the memory of sequence numbers: a hole across a reconnect is
        noticed too.
        """
        ...

    def heartbeat(self) -> str | bytes | None:
        """Return the frame to send every `heartbeat_s`, or None where pings of WebSocket itself will do."""
        ...

    def receive(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        """Return what a frame says, in order. Never raises, whatever the frame holds.

        `received_ns` is the wall clock in nanoseconds.
        """
        ...


@runtime_checkable
class Prepared(Protocol):
    """A venue that wants something done by HTTP before each connection, such as registering its symbols."""

    async def prepare(self, http: aiohttp.ClientSession) -> None:
        """Do it.

        Raises:
            OSError, aiohttp.ClientError, RetryError: it did not work now; tried again with the next connection.
            FatalError: it never will.
        """
        ...


class EventSource(Protocol):
    """What the runtime pumps: a venue behind a socket (streams/feeds/connection.py), or a client library of its own."""

    name: str
    """As at Venue."""

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        ...

    def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        """Connect, subscribe, and yield (time of receipt in ns of the wall clock, events) until the connection ends.

        The runtime calls it again after every end, with pauses, and marks the gap in between.

        Raises:
            RetryError: the connection could not be made, or was lost; the message says why.
            FatalError: trying again cannot help.
        """
        ...
