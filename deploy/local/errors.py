"""Errors of the local services.

FatalError (streams/errors.py)
└── LocalError              the message says what to do before the next `up`
    └── PortTakenError      somebody took the port between its choice and the start: chosen again
"""

from streams.errors import FatalError


class LocalError(FatalError):
    """A local server cannot be prepared, started or stopped."""


class PortTakenError(LocalError):
    """A server could not listen on the port that was free a moment before."""
