"""Errors, named by what an operator does about them.

    HayateError
    ├── FatalError              the process must not go on: fix what the message names, start again
    │   ├── ConfigError         a setting is wrong
    │   │   └── FeatureNameError  a feature was asked for that is not in the set, or keeps no history there
    │   ├── TopicError          a topic is missing or has another partition count
    │   ├── StateError          a state row was written by another feature set, or for another log
    │   └── LocalStoreError     the data folder cannot be used (tables/local_store.py)
    ├── RetryError              the world is away for now: the same work is tried again
    ├── ViewError               Redis does not have what the topic has: rebuild it
    └── TickRejected            one record goes to `ticks-rejected`, the rest goes on

Every message names the key, the value and the remedy.
"""


class HayateError(Exception):
    """Base of every error Hayate raises on purpose."""


class FatalError(HayateError):
    """The process must not go on; the message says what to change before the next start."""


class ConfigError(FatalError):
    """A setting, or a combination of settings, cannot work."""


class FeatureNameError(ConfigError):
    """A feature was asked for that the feature set does not have, or that keeps no history there."""


class TopicError(FatalError):
    """A topic is missing, or its partition count is not the configured one."""


class StateError(FatalError):
    """A state row cannot be used by this feature set on this log."""


class RetryError(HayateError):
    """A server is away for now; the caller keeps the work and tries again."""


class ViewError(HayateError):
    """The view in Redis differs from the topic that it is made of."""


class TickRejected(HayateError):  # noqa: N818 - a verdict, not a fault
    """One tick is not accepted: `reason` is a short fixed word (a metric label), `detail` is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
