"""Versions of models in a bucket of S3, or of whatever speaks its protocol (MinIO, Ceph, R2, GCS).

Credentials, region and certificates are found by boto3's own chain: AWS_ACCESS_KEY_ID and so on, ~/.aws, the role of
the machine. They are never in a setting of ours, so never in a log.
"""

from collections.abc import Mapping
from typing import Any, Final

from streams.errors import ConfigError, RetryError
from tables.models.registry import MANIFEST

CONNECT_S: Final = 3.0
READ_S: Final = 20.0
ATTEMPTS: Final = 2
"""Of one request, by boto3."""
MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class BucketStore:
    """A `ModelStore` under a prefix of a bucket. The manifest is written last: with it the version is there."""

    def __init__(self, bucket: str, prefix: str = "", *, endpoint: str | None = None) -> None:
        """`endpoint`: URL of the server, where it is not Amazon's. Nothing is connected yet.

        Raises:
            ConfigError: the package boto3 is not installed.
        """
        try:
            import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, and a third of a second
            from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415
            from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
                BotoCoreError,
                ClientError,
            )
        except ImportError:
            raise ConfigError(
                f"HAYATE_MODEL_REGISTRY=s3://{bucket}: it takes the package boto3 (extra `s3`): pip install "
                "'boto3>=1.35,<2'"
            ) from None
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint = endpoint
        self._boto3, self._client_error, self._errors = boto3, ClientError, (BotoCoreError, ClientError)
        self._config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        )
        self._client: Any = None

    @property
    def place(self) -> str:
        """The URL of the bucket and prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def names(self) -> list[str]:
        """See `ModelStore.names`."""
        return [name for name in self._folders(self._prefix) if self.versions(name)]

    def versions(self, name: str) -> list[str]:
        """See `ModelStore.versions`."""
        folders = self._folders(f"{self._prefix}{name}/")
        return [version for version in folders if self._there(self._key(name, version, MANIFEST))]

    def read(self, name: str, version: str, file: str) -> bytes | None:
        """See `ModelStore.read`."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key(name, version, file))
            content: bytes = answer["Body"].read()
        except Exception as error:  # noqa: BLE001 - sorted out there
            if self._is_missing(error):
                return None
            raise self._trouble(error) from None
        return content

    def put(self, name: str, version: str, files: Mapping[str, bytes], *, replace: bool = False) -> bool:
        """See `ModelStore.put`."""
        if not replace and self._there(self._key(name, version, MANIFEST)):
            return False
        for file in sorted(files, key=lambda file: file == MANIFEST):
            try:
                self._s3.put_object(Bucket=self._bucket, Key=self._key(name, version, file), Body=files[file])
            except Exception as error:  # noqa: BLE001 - sorted out there
                raise self._trouble(error) from None
        return True

    @property
    def _s3(self) -> Any:
        if self._client is None:
            try:
                self._client = self._boto3.Session().client(
                    "s3", endpoint_url=self._endpoint or None, config=self._config
                )
            except ValueError as error:
                raise ConfigError(f"HAYATE_S3_ENDPOINT={self._endpoint}: {error}; give https://host:port") from None
            except Exception as error:  # noqa: BLE001 - sorted out there
                raise self._trouble(error) from None
        return self._client

    def _key(self, name: str, version: str, file: str) -> str:
        return f"{self._prefix}{name}/{version}/{file}"

    def _folders(self, prefix: str) -> list[str]:
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        except Exception as error:  # noqa: BLE001 - sorted out there
            raise self._trouble(error) from None
        return sorted(each.removeprefix(prefix).rstrip("/") for each in found)

    def _there(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except Exception as error:  # noqa: BLE001 - sorted out there
            if self._is_missing(error):
                return False
            raise self._trouble(error) from None
        return True

    def _is_missing(self, error: Exception) -> bool:
        return isinstance(error, self._client_error) and str(error.response["Error"]["Code"]) in MISSING

    def _trouble(self, error: Exception) -> Exception:
        """What to raise for an error of boto3. Of an answer only the code is said."""
        if not isinstance(error, self._errors):
            return error
        why = error.response["Error"]["Code"] if isinstance(error, self._client_error) else type(error).__name__
        server = self._endpoint or "Amazon"
        return RetryError(
            f"model registry {self.place} at {server}: {why}; see HAYATE_S3_ENDPOINT, the bucket's rights, and the "
            "credentials that boto3 finds (AWS_ACCESS_KEY_ID, ~/.aws)"
        )
