"""Key and secret: where they come from, and that nothing shows them."""

from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials, required


def test_from_variables_or_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("  k-file \nmore\n")
    assert Credentials.from_env({}) is None
    assert Credentials.from_env({"HAYATE_FEED_KEY": ""}) is None
    only = Credentials.from_env({"HAYATE_FEED_KEY": "k"})
    assert only is not None
    assert (only.key.get_secret_value(), only.secret) == ("k", None)
    both = Credentials.from_env({"HAYATE_FEED_KEY_FILE": str(path), "HAYATE_FEED_SECRET": "s"})
    assert both is not None
    assert both.secret is not None
    assert (both.key.get_secret_value(), both.secret.get_secret_value()) == ("k-file", "s")


def test_nothing_shows_them() -> None:
    found = Credentials.from_env({"HAYATE_FEED_KEY": "k-hidden", "HAYATE_FEED_SECRET": "s-hidden"})
    for text in (repr(found), str(found), f"{found}"):
        assert "hidden" not in text


def test_what_cannot_be_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\nsecond line")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for env, words in (
        ({"HAYATE_FEED_SECRET": "s-hidden"}, "HAYATE_FEED_SECRET is set without HAYATE_FEED_KEY"),
        ({"HAYATE_FEED_KEY": "k-hidden", "HAYATE_FEED_KEY_FILE": "x"}, "both set: unset one"),
        ({"HAYATE_FEED_KEY_FILE": str(tmp_path / "none")}, "No such file"),
        ({"HAYATE_FEED_KEY_FILE": str(empty)}, "first line is empty"),
        ({"HAYATE_FEED_KEY_FILE": str(binary)}, "not UTF-8"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            Credentials.from_env(env)
        assert "hidden" not in str(caught.value)


def test_a_venue_says_what_it_needs() -> None:
    key = Credentials.from_env({"HAYATE_FEED_KEY": "k"})
    assert required(key, "v") is key
    with pytest.raises(ConfigError, match="feed v: no credentials; set HAYATE_FEED_KEY "):
        required(None, "v")
    with pytest.raises(ConfigError, match="set HAYATE_FEED_KEY and HAYATE_FEED_SECRET"):
        required(None, "v", secret=True)
    with pytest.raises(ConfigError, match="no secret beside the key"):
        required(key, "v", secret=True)
