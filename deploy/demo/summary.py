"""The account at the end, and what may be wrong with it."""

from deploy.demo.numbers import number
from deploy.demo.snapshot import accuracy
from deploy.demo.tally import WARM_UP_S, Balance, Tally


def summary(seconds: float, balance: Balance, tally: Tally) -> str:
    """The figures, one a line."""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(tally.reasons.items()))
    actions = ", ".join(f"{action} {tally.actions[action]:,}" for action in ("buy", "sell", "hold"))
    median, p99 = (number(tally.latencies.quantile_ms(q), 1) for q in (0.5, 0.99))
    later = ", ".join(number(tally.steady.quantile_ms(q), 1) for q in (0.5, 0.99))
    return "\n".join(
        [
            f"{seconds:.1f} s of market",
            f"  ticks in   {balance.ticks:>9,}   acknowledged by Kafka",
            f"  rejected   {balance.rejected:>9,}   {reasons}".rstrip(),
            f"  features   {balance.features:>9,}",
            f"  signals    {balance.signals:>9,}   {actions}",
            f"  latency    {median:>9} ms median, {p99} ms p99   (after the first {WARM_UP_S:.0f} s: {later})",
            "                         from a tick's hand-over to the producer to its signal read by a consumer",
            *([f"  {told}"] if (told := accuracy(tally.judged)) else []),
            f"  lost = {balance.lost}",
        ]
    )


def faults(balance: Balance) -> list[str]:
    """What must not be; empty when every tick was answered exactly once."""
    found = []
    if balance.lost:
        found.append(f"{balance.lost} ticks have neither signal nor reject")
    if balance.without_features:
        found.append(f"{balance.without_features} ticks have neither feature record nor reject")
    if balance.repeated:
        found.append(f"{balance.repeated} outputs were written more than once")
    return found
