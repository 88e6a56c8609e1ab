"""A trained version with its report into the registry."""

import tempfile
from pathlib import Path

from agents.training.report import write_report
from agents.training.train import Trained
from tables.models.registry import ModelRegistry


def save(registry: ModelRegistry, trained: Trained) -> str:
    """Write the version whole or not at all; says where it is.

    Raises:
        ConfigError, RetryError: as `ModelRegistry.put`.
    """
    with tempfile.TemporaryDirectory(prefix="hayate-report-") as name:
        folder = Path(name)
        write_report(folder, trained.manifest, trained.report)
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    manifest = trained.manifest
    new = registry.put(manifest, {**trained.files, **files})
    where = f"{registry.place}/{manifest.name}/{manifest.version}"
    return where if new else f"{where} (it was there already: the same data and options give the same version)"
