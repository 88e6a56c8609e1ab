"""What a training tells at its end, in a few lines."""

from collections.abc import Iterator

from agents.training.dataset import Dataset
from agents.training.train import Trained


def summary(data: Dataset, trained: Trained, where: str) -> str:
    """The judgement first, then what it rests on, then where the version is."""
    return "\n".join(_lines(data, trained, where))


def _lines(data: Dataset, trained: Trained, where: str) -> Iterator[str]:
    manifest, report = trained.manifest, trained.report
    yield from report.words
    yield ""
    rejected = f" ({data.rejected:,} rejected)" if data.rejected else ""
    yield f"ticks      {data.ticks:,}{rejected}, {len(data):,} rows of {len(set(data.symbol.tolist())):,} symbols"
    for reason, count in data.left_out.items():
        yield f"left out   {count:,}: {reason}"
    yield f"classes    {', '.join(f'{name} {share:.1%}' for name, share in data.balance().items())}"
    yield f"inputs     {len(manifest.inputs)}{_unused(data.unused)}"
    parts = (part for part in manifest.splits if not part.purpose.startswith("fold"))
    yield f"parts      {', '.join(f'{part.purpose} {part.rows:,}' for part in parts)}"
    weights = ", ".join(f"{name} {weight:.0%}" for name, weight in manifest.weights.items())
    yield f"members    {weights}{'' if manifest.stacker is None else '; stacked'}"
    yield f"ONNX       probabilities within {max(trained.parity.values()):.1g} of the originals"
    yield f"version    {manifest.model}"
    yield f"written to {where}"


def _unused(unused: dict[str, str]) -> str:
    if not unused:
        return ""
    by_reason: dict[str, list[str]] = {}
    for name, why in unused.items():
        by_reason.setdefault(why, []).append(name)
    return "".join(f"\n  unused   {', '.join(names)}: {why}" for why, names in by_reason.items())
