"""What a commit says beside the offset, and what of it must be as it was when work is taken up again."""

from typing import NamedTuple

import msgspec

from streams.errors import StateError


class Origin(NamedTuple):
    """What the state of a partition belongs to; an empty or zero field is unknown and not checked."""

    layout: str = ""
    """Layout of the state rows, or schema of the records that are read (agents.job.Job.layout)."""
    topic: str = ""
    """Kafka's id of the input topic: one made anew under the same name has another."""
    partitions: int = 0
    """Partitions of the input topic: with another number, symbols have other partitions."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Metadata of a committed source offset."""

    ends: dict[str, int]
    """Output stream -> offset behind the last record that the commit covers."""
    seen: int = -1
    """Highest `src` of the input that was acted on: a record not above it is a copy."""
    layout: str = ""
    """This and what follows: see Origin."""
    topic: str = ""
    partitions: int = 0

    @property
    def origin(self) -> Origin:
        """What the state was of."""
        return Origin(self.layout, self.topic, self.partitions)

    def encode(self) -> str:
        """As the commit carries it."""
        return msgspec.json.encode(self).decode()


def decode_checkpoint(metadata: str, where: str) -> Checkpoint | None:
    """Checkpoint that a commit carries, None for a commit without one, as tools leave it that set offsets.

    Raises:
        StateError: it is something else; `where` names the partition.
    """
    if not metadata:
        return None
    try:
        return msgspec.json.decode(metadata, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise StateError(
            f"{where}: the commit's metadata {metadata[:80]!r} is no checkpoint of Hayate ({error}): something else "
            "commits in this group; give Hayate an HAYATE_APP_ID of its own, or start the state anew with "
            "`faust -A app state reset`"
        ) from None


def made_anew(found: str, now: str) -> str | None:
    """Which of the topics that a checkpoint rests on is another one now: `topic`, `changelog`, or None.

    What only one of both names is not compared: checkpoints from before Hayate 0.3 name no changelog of the ensemble.
    """
    for name, was, is_now in zip(("topic", "changelog"), found.split("+"), now.split("+"), strict=False):
        if was and is_now and was != is_now:
            return name
    return None


def check_origin(found: Origin, now: Origin, where: str) -> None:
    """Compare what a checkpoint was taken of with what is running; `where` names the partition.

    Raises:
        StateError: something changed that the state does not survive, with the command that resolves it.
    """
    if made_anew(found.topic, now.topic):
        raise StateError(
            f"{where}: the topic was made anew since the last checkpoint (id {found.topic}, now {now.topic}): its "
            "offsets mean other records now; see `faust -A app state show`, start anew with `faust -A app state reset`"
        )
    if found.partitions and now.partitions and found.partitions != now.partitions:
        raise StateError(
            f"{where}: the last checkpoint is of {found.partitions} partitions, HAYATE_PARTITIONS={now.partitions}: "
            "symbols have other partitions now; set it back, or start anew with `faust -A app state reset`"
        )
    if found.layout and now.layout and found.layout != now.layout:
        raise StateError(
            f"{where}: the last checkpoint is of layout {found.layout}, HAYATE_FEATURE_SET has {now.layout}: run the "
            "feature set that wrote it, take its rows over with `faust -A app state migrate`, or start anew with "
            "`faust -A app state reset`; `faust -A app state show` says what there is"
        )
