"""The door: `faust -A app worker`. Nobody imports this module but Faust."""

import sys

from agents.wiring import build
from streams.errors import ConfigError
from streams.settings import Settings

try:
    app = build(Settings.from_env())
except ConfigError as error:
    sys.exit(f"hayate: {error}")
