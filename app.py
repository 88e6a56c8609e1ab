"""The door: `faust -A app worker`. Nobody imports this module but Faust."""

# ruff: noqa: E402 - the imports below are what the collector must not look at

import gc

# A quarter of the CPU that a start takes went into collections while hundreds of thousands of objects came to stay.
gc.disable()

import asyncio
import sys

import uvloop

from agents.wiring import build
from streams.errors import ConfigError
from streams.settings import Settings

# Here and not in wiring: a policy is for a whole process. The worker is one loop with many small sends.
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
try:
    app = build(Settings.from_env())
except ConfigError as error:
    sys.exit(f"hayate: {error}")
gc.freeze()
gc.enable()
