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
        ("bolinger", "'bolinger' is no indicator; did you mean 'bbands'?"),
        ("xyz", "'xyz' is no indicator; there are 'bbands', 'ema_12', 'macd', 'rsi_14', 'sma_20'"),
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
    ],
)
def test_what_cannot_be_read_is_refused_by_name_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert said in str(error.value)


@given(st.text(max_size=30) | st.from_regex(r"(sma|macd|bbands|foo)(_[0-9.]{1,8}){0,4}"))
def test_any_text_is_an_indicator_or_a_config_error(text: str) -> None:
    try:
        indicator = parse(text)
    except ConfigError as error:
        said = str(error)
    else:
        said = text
        assert parse(indicator.name) == indicator
    assert text in said or repr(text) in said


@given(st.integers(1, 10_000), st.integers(1, 10_000_000_000))
def test_a_decimal_parameter_keeps_its_value_in_the_name(period: int, billionths: int) -> None:
    width = billionths / 1e9
    if period < 2 or not 0.01 <= width <= 100:
        return
    indicator = FAMILIES["bbands"].indicator(period, width)
    assert parse(indicator.name) == indicator
    assert indicator.parameters == (period, width)
