"""`faust -A app models ...`: what is in the registry, who serves, and how that is changed while ticks flow."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click
import faust
from faust.cli import argument, option

from agents.commands import OneShot
from agents.models.desk import PromotionDesk, opened_desk
from agents.models.promise import LEAD_S
from agents.models.records import ROLES, Amendment, Promotion, Role
from streams.errors import ConfigError, HayateError
from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.models.manifest import ModelManifest
from tables.models.registry import ModelRegistry
from tables.models.setup import registry_for

ACTIONS: Final = ("list", "show", "verify", "promote", "rollback", "retire", "log")
RULES: Final = "the rules"
DASH: Final = "-"


def add_model_command(app: faust.App, settings: Settings) -> None:
    """Register `models` with Faust's command line."""

    @app.command(
        argument("action", type=click.Choice(ACTIONS)),
        argument("model", required=False),
        option("--challenger", is_flag=True, help="in the shadow: scores every record, for signals-shadow only"),
        option("--canary", default=None, type=click.FloatRange(0, 1), help="share of the symbols that it serves"),
        option("--lead", default=LEAD_S, show_default=True, type=click.FloatRange(0, 3600), help="seconds ahead"),
        option("--reason", default="", help="why, for the log"),
        base=OneShot,
    )
    async def models(self: OneShot, action: str, model: str | None, **options: Any) -> str:  # noqa: ARG001 - Faust's
        """Models: ACTION is list, show, verify, promote, rollback, retire or log; MODEL is NAME@VERSION, or NAME for
        its newest version."""
        return await run_models(settings, action, model, **options)


async def run_models(
    settings: Settings,
    action: str,
    model: str | None = None,
    *,
    challenger: bool = False,
    canary: float | None = None,
    lead: float = LEAD_S,
    reason: str = "",
) -> str:
    """Do it, and say what was done or found.

    Raises:
        ConfigError: a model is missing, damaged, or does not fit; the options contradict each other.
        TopicError: a topic is missing. RetryError: the registry or Kafka is away.
    """
    role = _role(challenger, canary)
    if action in {"show", "promote"} and model is None:
        raise ConfigError(f"models {action}: which model? give NAME@VERSION (`faust -A app models list`)")
    registry = registry_for(settings)
    if action == "show":
        manifest = await asyncio.to_thread(lambda: registry.manifest(registry.resolve(model or "")))
        return "\n".join(described(manifest, registry))
    if action == "verify":
        return await asyncio.to_thread(verified, registry, model)
    async with opened_desk(settings, registry) as desk:
        if action == "list":
            schema = FeatureSet.load(settings.feature_set).version
            return "\n".join(await asyncio.to_thread(lambda: [*listed(registry, desk, schema)]))
        if action == "log":
            return "\n".join(logged(desk))
        if action == "promote":
            done = await desk.promote(model or "", role, canary or 0.0, lead, reason)
        elif action == "rollback":
            done = await desk.roll_back(role, lead, reason)
        else:
            done = await desk.retire(role, lead, reason)
        return said(done)


def _role(challenger: bool, canary: float | None) -> Role:
    if challenger and canary is not None:
        raise ConfigError("models: --challenger and --canary: choose one of the two")
    return "challenger" if challenger else "champion" if canary is None else "canary"


def said(promotion: Promotion) -> str:
    """What was written."""
    nobody = RULES if promotion.role == "champion" else "nobody"
    share = f" for {promotion.share:.3g} of the symbols" if promotion.role == "canary" and promotion.model else ""
    places = ", ".join(f"{partition}:{offset}" for partition, offset in sorted(promotion.first.items()))
    return f"{promotion.role}: {promotion.model or nobody}{share}, from these offsets of features on: {places}"


def listed(registry: ModelRegistry, desk: PromotionDesk, schema: str) -> Iterator[str]:
    """All versions and their roles."""
    roles = {desk.history.now(role): role for role in reversed(ROLES)}
    yield f"registry {registry.place}; champion: {desk.history.now('champion') or RULES}"
    rows = [("model", "created", "role", "feature set", "tier: precision", "coverage")]
    for name in registry.names():
        for manifest in registry.manifests(name):
            used = manifest.feature_set
            rows.append(
                (
                    manifest.model,
                    manifest.created or DASH,
                    roles.get(manifest.model, DASH),
                    used.name + ("" if used.schema == schema else " (another version)"),
                    _figure(manifest.tier.precision),
                    _figure(manifest.tier.coverage),
                )
            )
    yield from _table(rows)


def described(manifest: ModelManifest, registry: ModelRegistry) -> Iterator[str]:
    """One version."""
    label, tier = manifest.label, manifest.tier
    yield f"{manifest.model}, created {manifest.created or 'unknown'}, in {registry.place}"
    yield f"feature set {manifest.feature_set.name}@{manifest.feature_set.schema}, {len(manifest.inputs)} inputs"
    band = f"dead band {label.dead_band_bps:g} bps"
    yield f"label: {label.kind} of {label.price} over {label.horizon_ms / 1000:g} s, {band}"
    yield f"members: {', '.join(f'{m.name} ({m.kind})' for m in manifest.members)}"
    pooling = "stacker" if manifest.stacker else "pooled by weight, no stacker"
    yield f"{pooling}; calibration: {manifest.calibration.kind}"
    yield (
        f"high-confidence tier: target {tier.target_precision:g}, threshold {_figure(tier.threshold)}, out of sample "
        f"{_figure(tier.precision)} ({_figure(tier.precision_low)}-{_figure(tier.precision_high)}) at coverage "
        f"{_figure(tier.coverage)}"
    )
    if manifest.metrics:
        yield ""
        rows: list[tuple[str, ...]] = [("out of sample", "value", "low", "high")]
        for name, found in sorted(manifest.metrics.items()):
            rows.append((name, *(_figure(found.get(key)) for key in ("value", "low", "high"))))
        yield from _table(rows)


def verified(registry: ModelRegistry, model: str | None) -> str:
    """Read every file of the versions asked for, and compare it with its hash.

    Raises:
        ConfigError: one is damaged; the message names the first, and how many there are.
    """
    names = [registry.resolve(model)] if model else [f"{n}@{v}" for n in registry.names() for v in registry.versions(n)]
    bad = []
    for name in names:
        try:
            registry.verify(name)
        except HayateError as error:
            bad.append(str(error))
    if bad:
        raise ConfigError(f"{len(bad)} of {len(names)} versions are not right: {bad[0]}")
    return f"{len(names)} versions are as they were trained, by the hash of every file"


def logged(desk: PromotionDesk) -> Iterator[str]:
    """Everything that was promoted, the oldest first."""
    rows = [("time", "role", "model", "by", "why")]
    for entry in desk.entries:
        when = datetime.fromtimestamp(entry.ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        match entry.record:
            case Promotion() as it:
                nobody = RULES if it.role == "champion" else "nobody"
                model = (it.model or nobody) + (f" ({it.share:.3g})" if it.role == "canary" and it.model else "")
                held = "" if it.id in desk.held else " (did not hold)"
                why = ("rollback: " if it.answers else "") + (it.reason or DASH)
                rows.append((when, it.role + held, model, it.by + (" (automatic)" if it.automatic else ""), why))
            case Amendment() as it:
                rows.append((when, "amendment", DASH, DASH, f"{it.promotion[:8]} from {it.partition}:{it.first} on"))
            case None:
                rows.append((when, "unreadable", DASH, DASH, f"offset {entry.offset}"))
    yield from _table(rows)


def _figure(number: float | None) -> str:
    return DASH if number is None else f"{number:.4g}"


def _table(rows: list[Any]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
