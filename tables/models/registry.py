"""The registry: versions of trained ensembles, immutable, each file verified by its hash.

    <registry>/<name>/<version>/manifest.json, members/..., stacker.onnx, report.html

It stands on a `ModelStore`: a folder (tables/models/directory.py), an S3-compatible bucket (tables/models/bucket.py),
or memory. A version is there once its manifest is. All of it blocks: a worker calls it in a thread.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final, Protocol

from streams.errors import ConfigError, RetryError
from tables.models.manifest import NAME, VERSION_DIGITS, ModelManifest, decode_manifest, encode_manifest, version_of

MANIFEST: Final = "manifest.json"
_VERSION: Final = re.compile(rf"[0-9a-f]{{{VERSION_DIGITS}}}")
_NAME: Final = re.compile(NAME)


class ModelStore(Protocol):
    """Where the files of versions are kept. Every method may raise RetryError: the store is away."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def names(self) -> list[str]:
        """Names of models, sorted."""

    def versions(self, name: str) -> list[str]:
        """Versions of a model whose manifest is there, sorted."""

    def read(self, name: str, version: str, file: str) -> bytes | None:
        """Content of a file, `file` relative to the version's folder; None where it is not there."""

    def put(self, name: str, version: str, files: Mapping[str, bytes], *, replace: bool = False) -> bool:
        """Write a version whole or not at all. False where it is there already, which is then left as it is, unless
        `replace`: in the place of a damaged one."""


class ModelRegistry:
    """Versions by name, verified. `cache` keeps a copy of what was read: it answers where `store` is away."""

    def __init__(self, store: ModelStore, cache: ModelStore | None = None) -> None:
        self._store = store
        self._cache = cache

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._store.place

    def put(self, manifest: ModelManifest, files: Mapping[str, bytes]) -> bool:
        """Write a version: its manifest, and `files` (path relative to the version's folder -> content). Returns False
        where it was there already.

        Raises:
            ConfigError: a file is missing, is not what the manifest says, or has a path outside the folder; the
                manifest was altered after it was named.
            RetryError: the registry is away.
        """
        if manifest.version != version_of(manifest):
            raise ConfigError(f"model {manifest.model}: its content is {version_of(manifest)!r}: name it with `named`")
        for file in files:
            check_path(manifest.model, file)
        _verify(manifest, files)
        content = {**files, MANIFEST: encode_manifest(manifest)}
        if self._store.put(manifest.name, manifest.version, content):
            return True
        try:
            self._read(self._store, manifest.model)
        except ConfigError:  # what is there was damaged
            return self._store.put(manifest.name, manifest.version, content, replace=True)
        return False

    def names(self) -> list[str]:
        """Names of models, sorted."""
        return [name for name in self._store.names() if _NAME.fullmatch(name)]

    def versions(self, name: str) -> list[str]:
        """Versions of a model, sorted by their name."""
        return [version for version in self._store.versions(name) if _VERSION.fullmatch(version)]

    def manifests(self, name: str) -> list[ModelManifest]:
        """Manifests of all versions of a model, the oldest first.

        Raises:
            ConfigError: one of them was altered. RetryError: the registry is away.
        """
        found = [self.manifest(f"{name}@{version}") for version in self.versions(name)]
        return sorted(found, key=lambda manifest: (manifest.created, manifest.version))

    def manifest(self, model: str) -> ModelManifest:
        """The manifest of `name@version`, from the registry itself.

        Raises:
            ConfigError: it is not there, or was altered. RetryError: the registry is away.
        """
        return self._manifest(self._store, model)

    def resolve(self, model: str) -> str:
        """`name@version` as it is; a name alone becomes its newest version, by the time of the training.

        Raises:
            ConfigError: there is none.
        """
        name, _, version = model.partition("@")
        if version:
            split_model(model)
            return model
        found = self.manifests(name) if _NAME.fullmatch(name) else []
        if not found:
            raise ConfigError(f"model {model}: {self.place} has no version of it; it has: {self._listed()}")
        return found[-1].model

    def load(self, model: str) -> tuple[ModelManifest, dict[str, bytes]]:
        """Manifest and verified model files (members and stacker) of a version, from the cache where it has them.

        Raises:
            ConfigError: it is nowhere, or a file is missing, damaged or altered.
            RetryError: the registry is away, and the cache does not have it.
        """
        if self._cache is not None:
            try:
                return self._read(self._cache, model)
            except (ConfigError, RetryError):  # what is wrong with a copy is no matter: it is made anew
                pass
        manifest, files = self._read(self._store, model)
        if self._cache is not None:
            content = {**files, MANIFEST: encode_manifest(manifest)}
            with suppress(RetryError):  # a full disk: the version serves without a copy
                self._cache.put(manifest.name, manifest.version, content, replace=True)
        return manifest, files

    def verify(self, model: str) -> ModelManifest:
        """Read every file of a version from the registry itself, past the cache.

        Raises:
            ConfigError, RetryError: as `load`.
        """
        return self._read(self._store, model)[0]

    def _read(self, store: ModelStore, model: str) -> tuple[ModelManifest, dict[str, bytes]]:
        manifest = self._manifest(store, model)
        files: dict[str, bytes] = {}
        for file in _files_of(manifest):
            check_path(model, file)
            content = store.read(manifest.name, manifest.version, file)
            if content is not None:
                files[file] = content
        _verify(manifest, files, store.place)
        return manifest, files

    def _manifest(self, store: ModelStore, model: str) -> ModelManifest:
        name, version = split_model(model)
        raw = store.read(name, version, MANIFEST)
        if raw is None:
            raise ConfigError(f"model {model}: {store.place} does not have it; it has: {self._listed()}")
        manifest = decode_manifest(raw, f"{store.place}: {model}")
        if manifest.model != model:
            raise ConfigError(
                f"model {model}: {store.place} has {manifest.model} under its name; put it where it belongs"
            )
        return manifest

    def _listed(self) -> str:
        try:
            return ", ".join(f"{n}@{v}" for n in self.names() for v in self.versions(n)) or "none"
        except RetryError:
            return "unknown, it is away"


def split_model(model: str) -> tuple[str, str]:
    """Name and version of `name@version`.

    Raises:
        ConfigError: it is none.
    """
    name, _, version = model.partition("@")
    if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
        raise ConfigError(
            f"model {model!r}: write name@version, the version of {VERSION_DIGITS} hex digits, as `faust -A app models "
            "list` shows it"
        )
    return name, version


def check_path(model: str, file: str) -> None:
    """Refuse the path of a file that could lead out of the version's folder.

    Raises:
        ConfigError: it could.
    """
    path = PurePosixPath(file)
    strange = "\\" in file or "\0" in file or str(path) != file
    if strange or file == "." or path.is_absolute() or ".." in path.parts:
        raise ConfigError(f"model {model}: file {file!r}: give a plain path within the version's folder")


def _files_of(manifest: ModelManifest) -> dict[str, str]:
    """File -> its SHA-256."""
    files = {member.file: member.sha256 for member in manifest.members}
    return files if manifest.stacker is None else {**files, manifest.stacker.file: manifest.stacker.sha256}


def _verify(manifest: ModelManifest, files: Mapping[str, bytes], where: str = "") -> None:
    at = f"{where}: " if where else ""
    for file, expected in _files_of(manifest).items():
        if file not in files:
            raise ConfigError(f"{at}model {manifest.model}: no file {file}; copy the whole folder of the version")
        found = hashlib.sha256(files[file]).hexdigest()
        if found != expected:
            raise ConfigError(
                f"{at}model {manifest.model}: {file} has the SHA-256 {found[:12]}..., the manifest says "
                f"{expected[:12]}...: the file was damaged or altered; take the version from where it came from"
            )
