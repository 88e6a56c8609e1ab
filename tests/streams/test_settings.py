"""Settings: every variable is read, every other one refused, and no secret is shown."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.settings import OTHER_VARIABLES, Settings

# variable -> what is written, and what is read
SAMPLES: dict[str, tuple[str, Any]] = {
    "kafka_url": ("kafka://a:1;b:2", "kafka://a:1;b:2"),
    "redis_url": ("redis://h:1/2", "redis://h:1/2"),
    "redis_password_file": ("/run/secrets/redis", Path("/run/secrets/redis")),
    "app_id": ("other", "other"),
    "kafka_security": ("sasl_ssl", "sasl_ssl"),
    "kafka_sasl": ("plain", "plain"),
    "kafka_user": ("hayate", "hayate"),
    "kafka_ca_file": ("/run/secrets/kafka_ca_file", Path("/run/secrets/kafka_ca_file")),
    "kafka_cert_file": ("/run/secrets/kafka_cert_file", Path("/run/secrets/kafka_cert_file")),
    "kafka_key_file": ("/run/secrets/kafka_key_file", Path("/run/secrets/kafka_key_file")),
    "kafka_password_file": ("/run/secrets/kafka_password_file", Path("/run/secrets/kafka_password_file")),
    "redis_ca_file": ("/run/secrets/redis_ca_file", Path("/run/secrets/redis_ca_file")),
    "redis_cert_file": ("/run/secrets/redis_cert_file", Path("/run/secrets/redis_cert_file")),
    "redis_key_file": ("/run/secrets/redis_key_file", Path("/run/secrets/redis_key_file")),
    "features_key_file": ("/run/secrets/features_key_file", Path("/run/secrets/features_key_file")),
    "topic_prefix": ("test-", "test-"),
    "partitions": ("3", 3),
    "replication": ("2", 2),
    "ticks_retention_hours": ("5", 5),
    "outputs_retention_hours": ("6", 6),
    "data_dir": ("/var/hayate", Path("/var/hayate")),
    "web_host": ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - a value to read, nothing listens
    "web_port": ("7000", 7000),
    "feature_set": ("mine.toml", "mine.toml"),
    "lateness_ms": ("0", 0),
    "filters": ("my/filters.toml", "my/filters.toml"),
    "late": ("fold", "fold"),
    "beside": ("true", True),
    "evict_after_s": ("60.5", 60.5),
    "recovery_deadline_s": ("90.5", 90.5),
    "any_partition": ("true", True),
    "poll_ms": ("0", 0),
    "checkpoint_ms": ("0", 0),
    "session_timeout_s": ("7.5", 7.5),
    "instance_id": ("w-1", "w-1"),
    "stay_in_group": ("true", True),
    "standbys": ("1", 1),
    "compression": ("zstd", "zstd"),
    "feature_ttl_s": ("60", 60),
    "latest_ttl_s": ("61", 61),
    "feed_queue": ("17", 17),
    "feed_clock_slack_ms": ("0", 0),
    "feed_reconnect_max_s": ("2.5", 2.5),
    "horizon_ms": ("250", 250),
    "api_host": ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - as above
    "api_port": ("8000", 8000),
    "api_keys_file": ("/run/secrets/api_keys", Path("/run/secrets/api_keys")),
    "store_symbols": ("5000", 5000),
    "store_ticks_per_s": ("1000.5", 1000.5),
    "model_deadline_ms": ("12.5", 12.5),
    "weights": ("dynamic", "dynamic"),
    "emit": ("500ms", "500ms"),
    "model_registry": ("s3://bucket/models", "s3://bucket/models"),
    "s3_endpoint": ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    "model_rollback_after": ("0", 0),
    "alert_high": ("false", False),
    "alert_risk_bps": ("25.5", 25.5),
    "alert_volume_z": ("4", 4.0),
    "alert_volume_ratio": ("5", 5.0),
    "alert_stale_s": ("10", 10.0),
    "alert_quiet_s": ("0", 0.0),
    "alert_drift_psi": ("0.1", 0.1),
    "quality_symbols": ("5", 5),
    "quality_half_life_s": ("60", 60.0),
}

BOUNDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "partitions": (("1", "4096"), ("0", "4097", "-1", "1.5", "eight", "")),
    "replication": (("1",), ("0",)),
    "ticks_retention_hours": (("1",), ("0", "0.5")),
    "outputs_retention_hours": (("1",), ("0",)),
    "web_port": (("1", "65535"), ("0", "65536")),
    "lateness_ms": (("0",), ("-1",)),
    "late": (("reject", "fold"), ("REJECT", "")),
    "beside": (("false", "1"), ("perhaps", "")),
    "evict_after_s": (("0", "31536000"), ("-1", "nan")),
    "recovery_deadline_s": (("1",), ("0.5", "nan")),
    "any_partition": (("false", "0", "yes"), ("perhaps", "")),
    "poll_ms": (("0", "1000"), ("-1", "1001")),
    "checkpoint_ms": (("0", "60000"), ("-1", "60001")),
    "session_timeout_s": (("1", "300"), ("0.9", "300.1", "nan", "inf")),
    "kafka_security": (("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"), ("tls", "SSL")),
    "kafka_sasl": (("plain", "scram-sha-256", "scram-sha-512"), ("gssapi",)),
    "stay_in_group": (("false", "1"), ("perhaps", "")),
    "standbys": (("0", "10"), ("-1", "11")),
    "compression": (("none", "lz4", "zstd", "gzip"), ("snappy", "")),
    "feature_ttl_s": (("1",), ("0",)),
    "latest_ttl_s": (("1",), ("0",)),
    "feed_queue": (("1", "10000000"), ("0", "10000001")),
    "feed_clock_slack_ms": (("0", "3600000"), ("-1", "3600001")),
    "feed_reconnect_max_s": (("0.1", "3600"), ("0", "3600.1", "nan")),
    "horizon_ms": (("1",), ("0",)),
    "model_deadline_ms": (("0.1", "10000"), ("0", "10001", "nan")),
    "weights": (("stacker", "dynamic"), ("equal", "")),
    "model_rollback_after": (("0", "1000"), ("-1", "1001")),
    "alert_high": (("true", "0"), ("perhaps", "")),
    "alert_risk_bps": (("0",), ("-1", "nan")),
    "alert_volume_z": (("0",), ("-1", "nan")),
    "alert_volume_ratio": (("0",), ("-1", "nan")),
    "alert_stale_s": (("0",), ("-1", "nan")),
    "alert_quiet_s": (("0",), ("-1", "nan")),
    "alert_drift_psi": (("0",), ("-1", "nan")),
    "quality_symbols": (("0", "1000"), ("-1", "1001")),
    "quality_half_life_s": (("0.1",), ("0", "nan")),
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own is read."""
    for name in os.environ:
        if name.upper().startswith("HAYATE_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["a b", "x" * 65, "ü", "a/b"])
def test_names_of_members(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for good in ("auto", "", "a.B_c-9", "x" * 64):
        monkeypatch.setenv("HAYATE_INSTANCE_ID", good)
        assert Settings.from_env().instance_id == good
    monkeypatch.setenv("HAYATE_INSTANCE_ID", name)
    with pytest.raises(ConfigError, match="HAYATE_INSTANCE_ID="):
        Settings.from_env()


def test_every_setting_has_a_sample_here_that_is_not_its_default() -> None:
    defaults = Settings.from_env()
    assert set(SAMPLES) == set(Settings.model_fields)
    assert [name for name, (_, value) in SAMPLES.items() if getattr(defaults, name) == value] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_every_variable_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = SAMPLES[name]
    monkeypatch.setenv(f"HAYATE_{name.upper()}", text)
    got = Settings.from_env()
    assert getattr(got, name) == value
    defaults = Settings().model_dump()
    assert {other for other in SAMPLES if getattr(got, other) != defaults[other]} <= {name}


def test_overrides_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAYATE_PARTITIONS", "3")
    assert Settings.from_env(partitions=4).partitions == 4


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"HAYATE_{name.upper()}"
    accepted, refused = BOUNDS[name]
    for text in accepted:
        monkeypatch.setenv(variable, text)
        Settings.from_env()
    for text in refused:
        monkeypatch.setenv(variable, text)
        with pytest.raises(ConfigError) as caught:
            Settings.from_env()
        assert str(caught.value).startswith(f"{variable}={text!r}: Input should be ")
        assert str(caught.value).endswith("; see .env.example")
        assert caught.value.__cause__ is None


def test_misspelt_variables_are_refused_by_name_and_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAYATE_REDIS_PASSWORD", "hunter2")
    monkeypatch.setenv("HAYATE_PARTITONS", "3")
    with pytest.raises(ConfigError) as caught:
        Settings.from_env()
    assert str(caught.value) == (
        "unknown setting HAYATE_PARTITONS, HAYATE_REDIS_PASSWORD: unset it, or see .env.example for the names"
    )


def test_other_people_s_variables_and_our_other_ones_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OTHER_VARIABLES, "HAYATESOMETHING", "MY_HAYATE_PARTITONS"):
        monkeypatch.setenv(name, "x")
    Settings.from_env()


def test_an_override_that_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_PARTITONS.*Extra inputs"):
        Settings.from_env(partitons=3)


def test_nothing_can_be_changed_afterwards() -> None:
    settings = Settings.from_env()
    with pytest.raises(ValidationError, match="frozen"):
        settings.partitions = 3


def test_topic_names_carry_the_prefix() -> None:
    assert Settings(topic_prefix="x-").topic("ticks") == "x-ticks"
    assert Settings().topic("ticks") == "ticks"


@pytest.mark.parametrize("text", ["hunter2", "hunter2\n", "hunter2\r\nsecond line\n", "hunter2\n\n"])
def test_the_password_is_the_first_line_of_its_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(text.encode())
    settings = Settings(redis_password_file=file)
    password = settings.redis_password()
    assert password is not None
    assert password.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{password!r} {password} {settings!r}"


def test_a_password_may_be_anything_in_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" pässword:@/ \n", encoding="utf-8")
    password = Settings(redis_password_file=file).redis_password()
    assert password is not None
    assert password.get_secret_value() == " pässword:@/ "


def test_without_a_file_there_is_no_password() -> None:
    assert Settings().redis_password() is None


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file, why in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            Settings(redis_password_file=file).redis_password()
        assert str(caught.value).startswith(f"HAYATE_REDIS_PASSWORD_FILE={file}: {why}")
        assert str(caught.value).endswith("name a readable file")


def test_a_password_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="REDIS_PASSWORD_FILE"):
        Settings(redis_password_file=file).redis_password()


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_password_file_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="REDIS_PASSWORD_FILE"):
        Settings(redis_password_file=file).redis_password()


def test_errors_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAYATE_REDIS_URL", "redis://:hunter2@h:1/0")
    monkeypatch.setenv("HAYATE_PARTITIONS", "0")
    with pytest.raises(ConfigError) as caught:
        Settings.from_env()
    assert "hunter2" not in str(caught.value)
    for name in ("redis_url", "kafka_url", "redis_password_file"):
        with pytest.raises(ConfigError) as caught:
            Settings.from_env(**{name: 7 if name != "redis_password_file" else b"hunter2\xff"})
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_the_password_in_a_url_is_not_in_the_repr() -> None:
    settings = Settings(redis_url="redis://:hunter2@h:1/0")
    assert "hunter2" not in f"{settings!r} {settings}"


def test_a_misspelt_variable_in_small_letters_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("hayate_partitions", "3")
    assert Settings.from_env().partitions == 3, "small letters are read"
    monkeypatch.setenv("hayate_partitons", "3")
    with pytest.raises(ConfigError, match="hayate_partitons"):
        Settings.from_env()


def test_a_refused_override_is_shown_as_it_was_given() -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_PARTITIONS=.?0"):
        Settings.from_env(partitions=0)


def test_a_set_beside_another_has_names_of_its_own() -> None:
    """The group, the state and every output; the ticks are shared."""
    alone, beside = Settings(topic_prefix="p-"), Settings(topic_prefix="p-", beside=True)
    version = FeatureSet.load("default").version
    assert (alone.group, beside.group) == ("hayate", f"hayate.{version}")
    assert (alone.topic("features"), beside.topic("features")) == ("p-features", f"p-features.{version}")
    assert beside.topic("ticks") == alone.topic("ticks") == "p-ticks"
