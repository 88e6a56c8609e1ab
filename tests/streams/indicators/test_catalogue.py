"""Reading the names of indicators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.indicators.catalogue import FAMILIES, parse


@pytest.mark.parametrize(
    ("text", "name", "outputs"),
    [
        ("sma_20", "sma_20", ("sma_20",)),
        ("ema_12", "ema_12", ("ema_12",)),
        ("rsi_14", "rsi_14", ("rsi_14",)),
        ("macd", "macd", ("macd", "macd_signal", "macd_hist")),
        ("macd_12_26_9", "macd", ("macd", "macd_signal", "macd_hist")),
        ("macd_8_21_5", "macd_8_21_5", ("macd_8_21_5", "macd_signal_8_21_5", "macd_hist_8_21_5")),
        ("bbands", "bbands", ("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth")),
        ("bbands_20_2", "bbands", ("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth")),
        ("bbands_20_2.0", "bbands", ("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth")),
        (
            "bbands_10_1.50",
            "bbands_10_1.5",
            (
                "bb_upper_10_1.5",
                "bb_middle_10_1.5",
                "bb_lower_10_1.5",
                "bb_percent_b_10_1.5",
                "bb_bandwidth_10_1.5",
            ),
        ),
        ("sma_20@60s", "sma_20@1m", ("sma_20@1m",)),
        ("sma_20@100.0v.live", "sma_20@100v.live", ("sma_20@100v.live",)),
        ("macd@1.5d", "macd@1.5d", ("macd@1.5d", "macd_signal@1.5d", "macd_hist@1.5d")),
        ("beta_60@24h~n225", "beta_60@24h~n225", ("beta_60@24h~n225",)),
        ("beta_60@3t.live~n_225", "beta_60@3t.live~n_225", ("beta_60@3t.live~n_225",)),
    ],
)
def test_names_people_write(text: str, name: str, outputs: tuple[str, ...]) -> None:
    indicator = parse(text)
    assert indicator.name == name
    assert indicator.outputs == outputs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smaa_20", "'smaa_20' is no indicator; did you mean 'sma_20'"),
        ("SMA_20", "'SMA_20' is no indicator; did you mean 'sma_20'"),
        ("bbnds", "'bbnds' is no indicator; did you mean 'bbands'?"),
        ("xyz", "'xyz' is no indicator; docs/catalogue.md lists what there is, for example 'sma_20'"),
        ("bband_20_2", "'bband_20_2' is no indicator; did you mean 'bbands'?"),
        ("macd_signal", "macd_signal is an output of macd: write 'macd'"),
        ("bb_upper_10_1.5", "bb_upper is an output of bbands: write 'bbands'"),
        ("sma_-5", "'sma_-5' is no indicator; did you mean 'sma_20'"),
        ("sma_1e3", "'sma_1e3' is no indicator; did you mean 'sma_20'"),
        ("sma_20_", "'sma_20_' is no indicator"),
        ("", "'' is no indicator"),
        ("sma_\u0665", "is no indicator"),
        ("sma", "sma: sma has the parameters period; write all of them: 'sma_20'"),
        ("macd_12_26", "macd_12_26: macd has the parameters fast, slow, signal; write 'macd' or all of them"),
        ("sma_1", "sma_1: period=1 is out of range; use 2 to 10000"),
        ("sma_10001", "period=10001 is out of range"),
        ("sma_5.5", "sma_5.5: period=5.5 must be a whole number"),
        ("bbands_20_0", "width=0 is out of range; use 0.01 to 100"),
        ("bbands_20_1.12345678901", "width has more than 9 decimals"),
        ("macd_26_12_9", "macd_26_12_9: fast=26 must be below slow=12; write macd_fast_slow_signal"),
        ("macd_12_12_9", "fast=12 must be below slow=12"),
        ("smaa_20@1m", "'smaa_20@1m' is no indicator; did you mean 'sma_20'"),
        ("sma_1@1m", "sma_1@1m: period=1 is out of range"),
        ("rsi_14@7m", "'rsi_14@7m': interval '7m' does not divide the day; use '6m' or '8m'"),
        ("rsi_14@", "'rsi_14@': '' is no interval of bars; write for example '1m'"),
        ("rsi_14@1m.liv", "'rsi_14@1m.liv': '1m.liv' is no interval of bars"),
        ("rsi_14@1m@5m", "'rsi_14@1m@5m' is no indicator; did you mean 'rsi_14'"),
        ("rsi_14.live", "'rsi_14.live': only an indicator on bars has a live value; write 'rsi_14@1m.live'"),
        ("spread@1m", "spread@1m: spread is made of quotes, not of bars; write 'spread'"),
        ("trade_age@60s.live", "trade_age@1m.live: trade_age is made of single ticks, not of bars; write 'trade_age'"),
        ("trade_sign@1m", "of single trades, which bars have not; write 'trade_sign'"),
        ("rsi_14@1m~n225", "rsi_14@1m~n225: rsi compares with no other symbol; leave out '~n225'"),
        (
            "beta_60",
            "beta_60: beta compares with another symbol; write 'beta_60~index' and give index a symbol in [ref",
        ),
        ("beta_60@1m", "write 'beta_60@1m~index' and give"),
        ("beta_60~", "'beta_60~': write an alias of [references] after '~', for example '~n225'"),
        ("beta_60~N225", "'beta_60~N225': write an alias"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert said in str(error.value)


@given(
    st.text(max_size=30)
    | st.from_regex(r"(sma|macd|bbands|beta|foo)(_[0-9.]{1,8}){0,4}(@[0-9.]{1,4}[smhtvd]?(\.live)?)?(~[a-z0-9]*)?")
)
def test_any_text_is_an_indicator_or_a_config_error(text: str) -> None:
    try:
        indicator = parse(text)
    except ConfigError as error:
        said = str(error)
    else:
        assert parse(indicator.name) == indicator
        return
    # Where the indicator alone could be read, the message has its one way to write it.
    assert any(name in said for name in (text, repr(text), text.split("@", maxsplit=1)[0].split("~", maxsplit=1)[0]))


@given(st.integers(1, 10_000), st.integers(1, 10_000_000_000))
def test_a_decimal_parameter_keeps_its_value_in_the_name(period: int, billionths: int) -> None:
    width = billionths / 1e9
    if period < 2 or not 0.01 <= width <= 100:
        return
    indicator = FAMILIES["bbands"].indicator(period, width)
    assert parse(indicator.name) == indicator
    assert indicator.parameters == (period, width)
