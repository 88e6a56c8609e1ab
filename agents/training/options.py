"""What a training is asked for."""

from dataclasses import dataclass
from typing import Final

from agents.training.members import KINDS
from streams.errors import ConfigError
from streams.export.labels import LabelSpec

NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True)
class Training:
    """What is asked for."""

    name: str
    label: LabelSpec
    members: tuple[str, ...] = tuple(KINDS)
    folds: int = 4
    embargo_ns: int | None = None
    """None: one horizon."""
    target_precision: float = 0.93
    seed: int = 0
    quick: bool = False
    sampling: str = ""
    """In words, for the manifest."""
    check_leaks: bool = False
    """Also where the version is no better than the baselines."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: naming the option.
        """
        unknown = [name for name in self.members if name not in KINDS]
        if unknown or not self.members or len(set(self.members)) < len(self.members):
            raise ConfigError(f"--members {','.join(self.members)}: give some of {','.join(KINDS)}, each once")
        if not 1 <= self.folds <= 50:
            raise ConfigError(f"--folds {self.folds}: give 1 to 50")
        if not 0.5 <= self.target_precision < 1.0:
            raise ConfigError(f"--target-precision {self.target_precision}: give 0.5 or more, and less than 1")
        if self.label.horizon_ns % NS_PER_MS:
            raise ConfigError(f"--horizon {self.label.horizon_ns}ns: give whole milliseconds")

    @property
    def embargo(self) -> int:
        """Nanoseconds."""
        return self.label.horizon_ns if self.embargo_ns is None else self.embargo_ns
