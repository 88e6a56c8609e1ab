"""Every setting of Hayate: one frozen object, read from `HAYATE_*` variables by app.py and the commands only."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.feeds.credentials import VARIABLES as FEED_VARIABLES

PREFIX = "HAYATE_"
INPUT = "ticks"
"""The topic that all feature sets share."""


class Settings(BaseSettings):
    """The settings of one worker. Each field is the variable `HAYATE_<NAME>`; `.env.example` lists them all."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    kafka_url: str = "kafka://127.0.0.1:9092"
    """Bootstrap servers, `kafka://host:port` (several: separated by `;`)."""
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How the brokers are talked to, in Kafka's terms: `ssl` is TLS, `sasl_` logs in with user and password."""
    kafka_ca_file: Path | None = None
    """PEM file of the authorities that may sign the certificates of the brokers; without it the system's."""
    kafka_cert_file: Path | None = None
    """PEM file of the certificate that the client shows to the brokers, with its chain."""
    kafka_key_file: Path | None = None
    """PEM file of the key of `kafka_cert_file`, without a passphrase; not needed where that file holds it."""
    kafka_sasl: Literal["plain", "scram-sha-256", "scram-sha-512"] = "scram-sha-512"
    """How the login is made, with `kafka_security` `sasl_ssl` or `sasl_plaintext`."""
    kafka_user: str = ""
    """Name of that login."""
    kafka_password_file: Path | None = None
    """File whose first line is its password."""
    redis_url: Annotated[str, Field(repr=False)] = "redis://127.0.0.1:6379/0"
    """`redis://[user[:password]@]host:port/db`, `rediss://` for TLS."""
    redis_password_file: Path | None = None
    """File whose first line is the password of `redis_url`; wins over one in the URL."""
    redis_ca_file: Path | None = None
    """PEM file of the authorities that may sign the certificate of a `rediss://` server; without it the system's."""
    redis_cert_file: Path | None = None
    """PEM file of the certificate that the client shows to a `rediss://` server, with its chain."""
    redis_key_file: Path | None = None
    """PEM file of the key of `redis_cert_file`, without a passphrase; not needed where that file holds it."""
    features_key_file: Path | None = None
    """File of the keys that seal the features in Redis, one line `name base64-of-32-bytes` each: the first seals, all
    open. Without it they are stored in clear."""

    app_id: str = "hayate"
    """Consumer group, and prefix of the state changelog topic."""
    topic_prefix: str = ""
    """Put before every topic name, so that several Hayates share one Kafka."""
    partitions: Annotated[int, Field(ge=1, le=4096)] = 8
    """Partitions of every topic: the upper bound of workers that share the load."""
    replication: Annotated[int, Field(ge=1)] = 1
    """Replicas of every topic that `topics` creates."""
    ticks_retention_hours: Annotated[int, Field(ge=1)] = 168
    """How long `ticks` and `ticks-rejected` keep their records."""
    outputs_retention_hours: Annotated[int, Field(ge=1)] = 168
    """How long `features` and `signals` keep their records."""

    data_dir: Path = Path(".hayate/worker")
    """Folder of the RocksDB state; one worker process each."""
    web_host: str = "127.0.0.1"
    """Where `/metrics` and `/healthz` listen."""
    web_port: Annotated[int, Field(ge=1, le=65535)] = 6066
    """Port of `/metrics` and `/healthz`; one worker process each."""
    api_host: str = "127.0.0.1"
    """Where the HTTP interface of the feature store listens (docs/http.md)."""
    api_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port at which a worker serves that interface as well; 0: it does not. Many readers: `faust -A app api`."""
    api_keys_file: Path | None = None
    """File with the keys of that interface, one a line, `name key`; nobody is served without one."""

    feature_set: str = "default"
    """Name of a feature set in streams/feature_sets, or the path of a TOML file."""
    lateness_ms: Annotated[int, Field(ge=0)] = 5_000
    """A tick older than the last of its symbol by more than this is late."""
    late: Literal["reject", "fold"] = "reject"
    """What becomes of a late tick: `ticks-rejected`, or folded with the last event time."""
    filters: str = ""
    """Path of a TOML file that says which ticks are believed (docs/filters.md). Empty: all that are ticks at all."""
    beside: bool = False
    """Run this feature set beside another one on the same ticks: its group, state, output topics and Redis keys carry
    its version in their names."""
    any_partition: bool = False
    """Accept ticks without key or on another partition than their key's (one symbol may then have two states)."""

    poll_ms: Annotated[int, Field(ge=0, le=1_000)] = 4
    """Least time between two fetches; what comes in it is worked on at once. 0: a fetch for every tick, if need be."""
    checkpoint_ms: Annotated[int, Field(ge=0, le=60_000)] = 1_000
    """Interval between checkpoints of a partition; 0 after every batch."""
    evict_after_s: Annotated[float, Field(ge=0, le=31_536_000)] = 3_600.0
    """Time without a tick after which a symbol's state leaves memory; it comes back from the table. 0: never."""
    session_timeout_s: Annotated[float, Field(ge=1, le=300)] = 10.0
    """Silence after which the broker gives a worker's partitions to others."""
    recovery_deadline_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0
    """Time without progress, while the broker answers, after which recovery from the changelog ends the worker."""
    instance_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = "auto"
    """Name of this worker in its group, its own and the same after a restart: killed and back within the session
    timeout, it takes its partitions up again and the others go on undisturbed. `auto`: one that is kept in the data
    directory. Empty: another at every start."""
    stay_in_group: bool = False
    """A worker with an instance id that ends on SIGTERM keeps its partitions for `session_timeout_s`: they wait for its
    restart, nobody else is disturbed."""
    standbys: Annotated[int, Field(ge=0, le=10)] = 0
    """Other workers that keep a copy of each partition's state at hand."""
    compression: Literal["none", "lz4", "zstd", "gzip"] = "none"
    """Compression of the records that the worker produces."""

    feature_ttl_s: Annotated[int, Field(ge=1)] = 300
    """Life of the history keys `feature:{symbol}:{indicator}:{second}` in Redis."""
    latest_ttl_s: Annotated[int, Field(ge=1)] = 86_400
    """Life of `feature:{symbol}:latest` after its last write."""
    store_symbols: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Symbols that Redis must have the memory for, checked at the start; 0: those that it has then."""
    store_ticks_per_s: Annotated[float, Field(ge=0)] = 0.0
    """Ticks a second of all symbols together, for the same; 0: at least one of each symbol in every second."""

    feed_queue: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Ticks that the command `feed` holds between the venue's socket and the producer before Kafka counts as slow."""
    feed_clock_slack_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 2_000
    """How far a live feed's clock marks stay behind the venue's time, so that no tick older is to be expected."""
    feed_reconnect_max_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """Longest pause of a feed between two attempts to reach its venue."""

    horizon_ms: Annotated[int, Field(ge=1)] = 10_000
    """How far ahead a signal looks."""
    model_deadline_ms: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    """What a trained model may take for at most 250 records before a lower rung answers (docs/signals.md, "Fallback").
    The rules have no deadline."""
    weights: Literal["stacker", "dynamic"] = "stacker"
    """How a trained model's members are combined: by its stacker, or by weights that follow their performance."""
    emit: Annotated[str, Field(pattern=r"^(every|change|[1-9][0-9]{0,8}ms)$")] = "every"
    """Which decisions become signals: `every` one, those that `change` a symbol's action, or one of a symbol in so many
    milliseconds of event time, as `500ms`."""
    model_registry: str = ".hayate/models"
    """Where the versions of trained models are: a folder, or `s3://bucket/prefix` (extra `s3`; docs/models.md)."""
    s3_endpoint: str = ""
    """URL of the S3-compatible server of `model_registry`; empty: Amazon's. Credentials are those that boto3 finds."""
    model_rollback_after: Annotated[int, Field(ge=0, le=1_000)] = 5
    """Troubled batches, of the last 100 or within a minute, that take a new model back; 0: none do (docs/models.md)."""

    alert_high: bool = True
    """Write an alert when a signal enters the high-confidence tier (docs/alerts.md, also for the next ones)."""
    alert_risk_bps: Annotated[float, Field(ge=0)] = 100.0
    """Risk of a signal, in basis points, from which on an alert is written; 0: never."""
    alert_volume_z: Annotated[float, Field(ge=0)] = 6.0
    """The same for the standard score of the volume, where the feature set has a `volume_z`; 0: never."""
    alert_volume_ratio: Annotated[float, Field(ge=0)] = 10.0
    """The same for a `dollar_volume` against its own average, where there is no `volume_z`; 0: never."""
    alert_stale_s: Annotated[float, Field(ge=0)] = 60.0
    """Silence of a symbol, in event time, after which its next record causes an alert; 0: never."""
    alert_quiet_s: Annotated[float, Field(ge=0)] = 300.0
    """Event time for which a kind of alert is not repeated for a symbol, or for a model."""
    alert_drift_psi: Annotated[float, Field(ge=0)] = 0.25
    """Population stability index of an input, against the training, from which on a model drifts; 0: never."""
    quality_symbols: Annotated[int, Field(ge=0, le=1_000)] = 20
    """Symbols whose live quality has metrics of its own, for each model; the rest is `other`."""
    quality_half_life_s: Annotated[float, Field(gt=0)] = 3_600.0
    """Event time after which an outcome counts half in the recent quality of a model."""

    @classmethod
    def from_env(cls, **overrides: Any) -> "Settings":
        """Read `HAYATE_*` from the environment; a variable that is no setting is refused by name.

        Raises:
            ConfigError: naming the variable, its value and the remedy. Values of secrets are never shown.
        """
        known = {f"{PREFIX}{name}".upper() for name in cls.model_fields}
        known |= OTHER_VARIABLES
        unknown = sorted(k for k in os.environ if k.upper().startswith(PREFIX) and k.upper() not in known)
        if unknown:
            raise ConfigError(f"unknown setting {', '.join(unknown)}: unset it, or see .env.example for the names")
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            name = f"{PREFIX}{field}".upper()
            given = overrides[field] if field in overrides else os.environ.get(name, "")
            shown = "" if "password" in field or "url" in field else f"={given!r}"
            raise ConfigError(f"{name}{shown}: {first['msg']}; see .env.example") from None

    def topic(self, name: str) -> str:
        """Full name of the topic called `name` in the docs."""
        return f"{self.topic_prefix}{name}" + ("" if name == INPUT else self._own)

    @property
    def remembers_signals(self) -> bool:
        """Whether the ensemble keeps rows of its own, in the table `ensemble-state`."""
        return self.weights == "dynamic" or self.emit != "every"

    @property
    def group(self) -> str:
        """Consumer group, and prefix of the state changelog topic."""
        return f"{self.app_id}{self._own}"

    @cached_property
    def _own(self) -> str:
        """What the names of a feature set beside another end with."""
        return f".{FeatureSet.load(self.feature_set).version}" if self.beside else ""

    def redis_password(self) -> SecretStr | None:
        """Password from `redis_password_file`, or None to use what the URL holds."""
        return _password("REDIS_PASSWORD_FILE", self.redis_password_file)

    def kafka_password(self) -> SecretStr | None:
        """Password from `kafka_password_file`, None without one."""
        return _password("KAFKA_PASSWORD_FILE", self.kafka_password_file)


def _password(name: str, path: Path | None) -> SecretStr | None:
    """First line of the file that a setting names."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{PREFIX}{name}={path}: {why}; name a readable file") from None
    password = text.partition("\n")[0].removesuffix("\r")
    if not password:
        raise ConfigError(f"{PREFIX}{name}={path}: its first line is empty; write the password there")
    return SecretStr(password)


OTHER_VARIABLES = frozenset(
    {
        "HAYATE_CACHE",  # deploy/local: where downloads are kept
        "HAYATE_TEST_KAFKA_URL",  # tests: servers to use instead of starting some
        "HAYATE_TEST_REDIS_URL",
        *FEED_VARIABLES,  # the command `feed`: credentials, which no settings object holds
    }
)
"""Variables with our prefix that are not the worker's."""
