"""Settings of the signals: when one is emitted, and what must be remembered for it."""

import pytest

from streams.errors import ConfigError
from streams.settings import Settings


@pytest.mark.parametrize("text", ["", "never", "0ms", "ms", "500", "500 ms", "1.5ms", "1000000000ms", "EVERY"])
def test_policies_of_emission(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for good in ("every", "change", "1ms", "999999999ms"):
        monkeypatch.setenv("HAYATE_EMIT", good)
        assert Settings.from_env().emit == good
    monkeypatch.setenv("HAYATE_EMIT", text)
    with pytest.raises(ConfigError, match="HAYATE_EMIT="):
        Settings.from_env()


@pytest.mark.parametrize(
    ("weights", "emit", "remembers"),
    [("stacker", "every", False), ("dynamic", "every", True), ("stacker", "change", True), ("stacker", "9ms", True)],
)
def test_what_the_ensemble_remembers(weights: str, emit: str, remembers: bool) -> None:
    assert Settings.model_validate({"weights": weights, "emit": emit}).remembers_signals == remembers
