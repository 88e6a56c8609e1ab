"""The audit over many ticks, offline: how fast it is, and that it raises no false alarm.

    python -m tests.benchmarks.audit --ticks 1000000

Simulated markets of several seeds, sparse ones that close many bars and busy ones, and the sample of real trades, are
folded by the engine and audited from the log's start on, and once more from the row that the engine has half way.
Exit status 1 at a single difference.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from streams.audit.event import events_of
from streams.audit.saved import resume
from streams.audit.served import decode
from streams.audit.symbol import Recomputed
from streams.audit.symbol_audit import SymbolAudit
from streams.columns import APPLIED, TickColumns
from streams.definitions.exchange_hours import RoundTheClock
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.feeds import sample
from streams.feeds.files import TickFile
from streams.feeds.simulator import simulate
from streams.history import history_of
from streams.records import Tick

START_NS = 1_764_000_000_000_000_000
AT_ONCE = 5_000


@dataclass
class Outcome:
    """What came of it."""

    ticks: int = 0
    records: int = 0
    values: int = 0
    unclaimed: int = 0
    seconds: float = 0.0
    findings: tuple[str, ...] = ()


def markets(ticks: int) -> Iterator[list[Tick]]:
    """Histories of so many ticks together: real ones first, then simulated ones in parts."""
    real = list(islice(TickFile(sample.PATH), min(50_000, ticks // 4)))
    yield real
    left = ticks - len(real)
    for seed, rate in enumerate((2.0, 20.0, 200.0, 2_000.0), 1):
        yield list(islice(simulate(3, rate, seed=seed, start_ns=START_NS), left // 4))


def audit_of(
    feature_set: FeatureSet, engine: RealTimeFeatureEngine, ticks: Sequence[Tick], *, every: int, from_rows: bool
) -> Outcome:
    """Fold, encode, decode and audit a history, from its start or from rows half way."""
    history = history_of(ticks, None, None, ())
    symbols = [s if isinstance(s, str) else s.decode() for s in history.symbols]
    encoder = FeatureEncoder(feature_set.outputs, feature_set.version)
    block, market = engine.new_block(), RoundTheClock()
    rows = np.array([block.find(s) if block.find(s) >= 0 else block.add(s) for s in symbols], np.int32)
    audits = {s: SymbolAudit(s, Recomputed(feature_set, market), every=every) for s in dict.fromkeys(symbols)}
    begin = len(symbols) // 2 if from_rows else 0
    if begin:
        engine.fold(block, rows[:begin], history.columns.take(slice(0, begin)))
        for symbol, audit in audits.items():
            i = block.find(symbol)
            resume(audit.recomputed, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i].copy())
    outcome, began, findings = Outcome(ticks=len(symbols) - begin), time.perf_counter(), []
    for start in range(begin, len(symbols), AT_ONCE):
        cut = slice(start, min(start + AT_ONCE, len(symbols)))
        columns: TickColumns = history.columns.take(cut)
        folded = engine.fold(block, rows[cut], columns)
        ids = [f"ticks-0-{offset}" for offset in columns.offset.tolist()]
        encoded = encoder.encode(
            ids, symbols[cut], columns.ts_ns.tolist(), folded.price.tolist(), folded.values.tolist(), folded.flags
        )
        for i, (event, symbol) in enumerate(zip(events_of(columns), symbols[cut], strict=True)):
            assert folded.verdict[i] == APPLIED
            audits[symbol].check(event, decode(encoded[i][0]), ids[i])
        findings += [finding.message for audit in audits.values() for finding in audit.findings()]
    findings += [finding.message for audit in audits.values() for finding in audit.findings(final=True)]
    outcome.seconds = time.perf_counter() - began
    for audit in audits.values():
        outcome.records += audit.counts.records
        outcome.values += audit.counts.values
        outcome.unclaimed += audit.counts.unclaimed
    outcome.findings = tuple(findings)
    return outcome


def run(ticks: int, every: int, feature_set: str = "default") -> Iterator[tuple[str, Outcome]]:
    """Every market, from its start and from rows."""
    loaded = FeatureSet.load(feature_set)
    engine = RealTimeFeatureEngine(loaded)
    for number, market in enumerate(markets(ticks)):
        for from_rows in (False, True):
            name = f"{'real' if number == 0 else f'simulated {number}'}, from {'rows' if from_rows else 'the start'}"
            yield name, audit_of(loaded, engine, market, every=every, from_rows=from_rows)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--every", type=int, default=20, help="look at one record of so many whole")
    parser.add_argument("--feature-set", default="default")
    arguments = parser.parse_args()
    ticks = found = 0
    for name, outcome in run(arguments.ticks, arguments.every, arguments.feature_set):
        ticks += outcome.ticks
        found += len(outcome.findings)
        print(
            f"{name}: {outcome.ticks:,} ticks, {outcome.records:,} records looked at, {outcome.values:,} values, "
            f"{outcome.unclaimed:,} of which nothing could be said, {outcome.ticks / outcome.seconds:,.0f} ticks/s, "
            f"{len(outcome.findings)} findings",
            flush=True,
        )
        for finding in outcome.findings[:5]:
            print(f"  {finding}")
    print(f"{ticks:,} ticks, {found} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
