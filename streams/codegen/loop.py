"""The body of the loop over ticks, from the gaps to the live values."""

from streams import columns
from streams.codegen.plan import Plan, inputs_of
from streams.codegen.steps import MID, S, event_steps
from streams.layout import COMMON, LAST_OFFSET, LAST_TS

PAD = " " * 12


def clock_steps(plan: Plan) -> list[str]:
    """A clock mark: close what is due, if the symbol belongs to that clock."""
    if not plan.timed:
        return []
    return [
        f"{PAD}if row[CLOCK] == clock[i]:",
        f"{PAD}    due = ts_ns[i] - {plan.options.mark_grace_ms * 1_000_000}",
        *_close_due(plan, "due", PAD + "    "),
        f"{PAD}                judged = {columns.MARKED}",
        f"{PAD}                last = max(last, end)",
        f"{PAD}    if judged == {columns.MARKED}:",
        f"{PAD}        places[r, {LAST_OFFSET}] = offset[i]",
        f"{PAD}        places[r, {LAST_TS}] = last",
    ]


def passed_over(plan: Plan) -> list[str]:
    """A tick that a filter rejected leaves no hole in the sequence numbers."""
    if not plan.options.sequence:
        return []
    return [f"{PAD}    if judged > {columns.MARKED}:", f"{PAD}        pass_over(row, seq[i])"]


def gaps(plan: Plan) -> list[str]:
    """Find out whether data are missing before this tick."""
    lines = []
    silence, ticks = plan.options.silence_s, plan.on("tick")
    if silence is not None or ticks:
        lines.append("        before = time_at(row, TICK_S) if row[TICKS] > 0.0 else t")
    if plan.finds_gaps:
        lines.append("        missing = False")
    if silence is not None:
        limit = round(silence * S)
        lines += [
            f"        if t - before > {limit} and open_between(segments, begin, stop, before, t) > {limit}:",
            "            row[SILENCES] += 1.0",
            "            missing = True",
        ]
    if plan.options.sequence:
        lines += ["        if leaves_out(row, seq[i]):", "            row[JUMPS] += 1.0", "            missing = True"]
    if plan.finds_gaps:
        lines += ["        if missing:", "            gap(row)"]
    if ticks:
        lines.append("        since_tick = (t - before) / 1e9")
    return [*lines, "        row[TICKS] += 1.0", "        put_time(row, TICK_S, t)"]


def time_bars(plan: Plan) -> list[str]:
    """Close the time bars that have ended."""
    if not plan.timed:
        return []
    lines = _close_due(plan, "t", " " * 8)
    if plan.finds_gaps:
        # What was missing reaches into the bar that opens next.
        lines += ["                    if missing:", "                        row[at + TOUCHED] = 1.0"]
    return lines


def _close_due(plan: Plan, until: str, pad: str) -> list[str]:
    """Close the time bars that end at `until` or before; lines that follow are for each of them."""
    return [
        f"{pad}for b in range({len(plan.intervals)}):",
        f"{pad}    at = BAR_AT[b]",
        f"{pad}    if LENGTH_NS[b] > 0 and row[at + BAR_TRADES] > 0.0:",
        f"{pad}        end = time_at(row, at + START_S) + LENGTH_NS[b]",
        f"{pad}        if end <= {until}:",
        f"{pad}            closed = close(row, b, end, i, r, begin, stop, segments, closed, bars)",
    ]


def trade(plan: Plan) -> list[str]:
    """Take the trade."""
    inputs = inputs_of(plan.on("trade"))
    lines = [
        "        is_trade = not np.isnan(price[i])",
        "        traded = price[i]",
        "        quantity = size[i] if is_trade else 0.0",
        "        dollars = 0.0",
        "        signed = 0.0",
        "        if is_trade:",
        f"{PAD}sign, rule = trade_sign(side[i], traded, row[BID], row[ASK], row[PRICE], row[DIFFERENT])",
        f"{PAD}dollars = traded * quantity",
        f"{PAD}signed = sign * quantity",
    ]
    if "mid" in inputs:
        lines.append(f"{PAD}{MID}")
    if "previous" in inputs:
        lines.append(f"{PAD}previous = row[PRICE]")
    if "dt" in inputs:
        lines.append(f"{PAD}since_trade = (t - time_at(row, TRADE_S)) / 1e9")
    lines.append(f"{PAD}take_trade(row, t, traded, quantity, sign)")
    for place in plan.aliases.values():
        now = f"reference[i, {place}]"
        lines.append(f"{PAD}row[{COMMON + place}] = 0.0 if np.isnan({now}) else {now}")
    return [*lines, *event_steps(plan, "trade", PAD), *_into_bars(plan)]


def _into_bars(plan: Plan) -> list[str]:
    """The trade goes into the open bars, and closes those that it fills."""
    if not plan.intervals:
        return []
    lines = [
        f"{PAD}early = False",
        f"{PAD}for b in range({len(plan.intervals)}):",
        f"{PAD}    at = BAR_AT[b]",
        f"{PAD}    extend_bar(row, at, t, LENGTH_NS[b], traded, quantity, signed)",
    ]
    if plan.timed:
        lines += [
            f"{PAD}    if ts_ns[i] < t and LENGTH_NS[b] > 0 and ts_ns[i] < time_at(row, at + START_S):",
            f"{PAD}        early = True",
        ]
    if any(interval.kind != "time" for interval, _ in plan.intervals):
        lines += [
            f"{PAD}    if LENGTH_NS[b] == 0 and row[at + FILLS[b]] >= FULL[b]:",
            f"{PAD}        closed = close(row, b, t, i, r, begin, stop, segments, closed, bars)",
        ]
    return [*lines, f"{PAD}if early:", f"{PAD}    row[LATE_INTO_BAR] += 1.0"]


def quote(plan: Plan) -> list[str]:
    """Take the quote."""
    inputs = inputs_of(plan.on("quote"))
    previous = [name for name in ("bid", "ask", "bid_size", "ask_size") if f"previous_{name}" in inputs]
    return [
        "        is_quote = keeps_quote and not (np.isnan(bid[i]) or np.isnan(ask[i]))",
        "        if is_quote:",
        *([f"{PAD}quoted = row[BID] > 0.0"] if previous else []),
        *(f"{PAD}old_{name} = row[{name.upper()}] if quoted else np.nan" for name in previous),
        *([f"{PAD}since_quote = (t - time_at(row, QUOTE_S)) / 1e9"] if "dt" in inputs else []),
        f"{PAD}take_quote(row, t, bid[i], ask[i], bid_size[i], ask_size[i])",
        *event_steps(plan, "quote", PAD),
        "        elif keeps_quote and not (np.isnan(bid[i]) and np.isnan(ask[i])):",
        f"{PAD}drop_quote(row)",
    ]


def tick(plan: Plan) -> list[str]:
    """What is on every tick, and the live values."""
    lines = []
    if plan.on("tick"):
        lines += ["        quoted = row[BID] > 0.0", *event_steps(plan, "tick", " " * 8)]
    lines += [f"        live_{number}(row, work, t, begin, stop, segments)" for number in range(len(plan.lives))]
    return [*lines, "        last_price[i] = row[PRICE] if row[TRADES] > 0.0 else np.nan"]
