"""What the audit says at its end: a line of all, and a table by symbol."""

from collections.abc import Iterator

from agents.audit.auditor import Auditor
from agents.audit.metrics import total
from streams.audit.outputs import unaudited

HEADER = ("symbol", "from", "ticks", "records", "values", "nothing said of", "differences", "copies")


def described(auditor: Auditor, wanted: int) -> Iterator[str]:
    """`wanted`: how many symbols were asked for."""
    counts = auditor.counts
    rows = [
        (
            symbol,
            str(auditor.starts[symbol]),
            *(f"{n:,}" for n in (c.ticks, c.records, c.values, c.unclaimed, c.differences, c.copies)),
        )
        for symbol, c in sorted(counts.items())
    ]
    table = [HEADER, *rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADER))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    done = total(counts.values())
    yield ""
    yield (
        f"{len(counts)} symbols, {done.records:,} records, {done.values:,} values compared, "
        f"{auditor.redis_compared:,} looks at Redis: "
        + (f"{len(auditor.findings)} findings" if auditor.findings else "everything is as defined")
    )
    for finding in auditor.findings:
        yield f"- {finding.kind}: {finding.message}"
    if auditor.unserved:
        yield f"{auditor.unserved:,} ticks have no record yet: the workers have not come to them"
    if len(counts) < wanted:
        yield f"{wanted - len(counts)} symbols could not begin: the log has lost their first ticks, and there is no row"
    if without := unaudited(auditor.feature_set):
        yield f"without a definition, not audited: {', '.join(without)}"
