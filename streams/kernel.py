"""Compiles and keeps the fold loop of a feature set.

The loop is a Python module (streams/codegen), one call per indicator with its slots and parameters as
constants, compiled by numba without fast-math: the same ticks give the same bits however they are cut into batches. It
stands in a file because numba caches on disk only functions that do; the first start of a feature set compiles
(seconds), later ones load. The module's name holds a digest of its source and of the sources of the steps, for numba
itself does not see a change in a function that is called from another file.
"""

import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from streams.codegen.module import source_of
from streams.errors import ConfigError
from streams.feature_set import FeatureSet

Kernel = Callable[..., int]

log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """Where compiled kernels are kept unless the caller says otherwise: `~/.cache/hayate/kernels`.

    Raises:
        RuntimeError: when there is no home folder.
    """
    return Path.home() / ".cache" / "hayate" / "kernels"


def load(feature_set: FeatureSet, cache_dir: Path | None = None) -> Kernel:
    """Return the compiled fold loop of `feature_set`, from `cache_dir` (None: `default_cache_dir()`) if it is there.

    A folder that cannot be written costs one compilation per process, and a warning. A second call in one process
    returns the same kernel. The arguments of the kernel stand in `SIGNATURE` of its source; it returns how
    many bars closed, `MISMATCH`, or `BAD_ROW` less the index of a row that does not exist.

    Raises:
        ConfigError: when not even a temporary folder can be written.
    """
    source = source_of(feature_set)
    name = f"hayate_kernel_{feature_set.version}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return _kernel_of(sys.modules[name])
    try:
        folder = cache_dir if cache_dir is not None else default_cache_dir()
        return _kernel_of(_import(name, _write(folder, name, source)))
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
        log.warning("kernel cache %s: %s; compiling anew, give a writable folder", cache_dir or "~/.cache", error)
    try:
        # numba compiles at import, so that nothing needs the folder afterwards.
        with tempfile.TemporaryDirectory(prefix="hayate-kernel-") as folder_name:
            return _kernel_of(_import(name, _write(Path(folder_name), name, source)))
    except OSError as error:
        raise ConfigError(
            f"kernel of feature set {feature_set.name}: no folder to compile it in ({error}); "
            "make the kernel cache or the temporary folder (TMPDIR) writable"
        ) from error


def _write(folder: Path, name: str, source: str) -> Path:
    """Write the module where it is not there already, and make sure that numba can write beside it."""
    compiled = folder / "__pycache__"
    compiled.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=compiled):
        pass
    path = folder / f"{name}.py"
    if not path.is_file():
        log.info("compiling the kernel %s in %s: some seconds, once per machine and feature set", name, folder)
    # numba compiles again when the file's time changes: one that is right is left alone, one cut short is replaced.
    if not path.is_file() or path.read_text(encoding="utf-8") != source:
        handle, draft = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        Path(draft).replace(path)
    return path


def _import(name: str, path: Path) -> ModuleType:
    """Import the module; in `sys.modules`, for numba looks there for the globals of what it loads from its cache."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OSError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _kernel_of(module: ModuleType) -> Kernel:
    kernel: Kernel = module.fold
    return kernel
