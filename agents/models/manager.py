"""The ModelManager: follows the topic `models`, has the versions loaded that may serve, and takes bad ones back.

    models ──read to its end before any lane opens, then followed──> History ──> a PartitionPlan each ──> who serves
                                                                       │
                                        registry or its copy ──> Loader (in a thread, ahead of the first offset)

While Kafka is away what is known stays. A promotion enters the plans once its version is loaded or cannot be, so that
nobody switches to a version that is still on its way; the time until its first offset is for that, and a promotion that
came too late is amended (agents/models/plan.py).
"""

import asyncio
import getpass
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aiokafka.errors import KafkaError
from msgspec.structs import replace

from agents.decision.models import Trouble
from agents.models.history import History, Step
from agents.models.journal import Journal
from agents.models.loader import Loader
from agents.models.metrics import ModelMetrics
from agents.models.plan import PartitionPlan
from agents.models.records import TEXT_CHARS, Amendment, Promotion, Record, Role
from agents.models.troubles import Troubles
from streams.errors import RetryError

if TYPE_CHECKING:
    from agents.decision.version import ModelVersion

log = logging.getLogger(__name__)

FOLLOW_S: Final = 0.25
"""Between two looks at the topic: small beside the time that a promotion leaves."""
LOAD_S: Final = 5.0
"""For which a promotion waits for its version, before it is taken up without."""
RETRY_S: Final = 1.0
LAST: Final = 2**63 - 1
"""No offset is beyond this one."""
ROLLBACK_LEAD_S: Final = 0.5
"""How far ahead of the present a rollback begins: it shall be soon, and who hears of it too late amends it."""

Bounds = Callable[[], Awaitable[Mapping[int, int]]]
Promise = Callable[[float], Awaitable[dict[int, int]]]


class ModelManager:
    """Versions and plans of one worker (agents.decision.models.Models)."""

    def __init__(
        self,
        journal: Journal,
        loader: Loader,
        metrics: ModelMetrics,
        *,
        partitions: int,
        positions: Bounds,
        promise: Promise,
        rollback_after: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`positions`: partition -> the first offset in `features` that may be processed (again); `promise`: first
        offsets of a promotion so many seconds ahead; `rollback_after`: troubled batches, see agents.models.troubles."""
        self.history = History()
        self._journal = journal
        self._loader = loader
        self._metrics = metrics
        self._positions = positions
        self._promise = promise
        self._rollback_after = rollback_after
        self._clock = clock
        self._plans = {partition: PartitionPlan(partition) for partition in range(partitions)}
        self._troubles: dict[str, Troubles] = {}
        self._answered: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the topic to its end, load what may serve from here on, and begin to follow.

        Raises:
            RetryError: Kafka does not answer.
        """
        await self._journal.start()
        for entry in await self._journal.read_all():
            self._take(entry.record)
        self._metrics.show(self.history)
        needed = await self._needed()
        for model in sorted(needed):
            await self._loader.load(model)
        if self.history.steps:
            champion = self.history.now("champion") or "the rules"
            log.info("models: %d promotions, champion %s, %d to load", len(self.history.steps), champion, len(needed))
        self._spawn(self._follow(), "following models")

    def plan(self, partition: int) -> PartitionPlan:
        """See `Models.plan`."""
        return self._plans[partition]

    def decider(self, model: str) -> "ModelVersion | None":
        """See `Models.decider`."""
        return self._loader.get(model)

    def why(self, model: str) -> str:
        """See `Models.why`."""
        return self._loader.why(model)

    def previous(self, partition: int, offset: int) -> str | None:
        """See `Models.previous`."""
        return self._plans[partition].previous(offset)

    def report(self, model: str, partition: int, trouble: Trouble) -> None:
        """See `Models.report`. Only the newest champion and the newest canary are taken back, each once."""
        step = self._in_trouble(model, partition, trouble.offset)
        if step is None or step.promotion.id in self._answered:
            return
        troubles = self._troubles.setdefault(step.promotion.id, Troubles(self._rollback_after))
        asked = sum(plan.asked for plan in self._plans.values())
        if troubles.too_many(trouble, self._clock(), asked):
            self._answered.add(step.promotion.id)
            log.error("model %s is taken back as %s: %s", model, step.promotion.role, trouble.detail)
            self._spawn(self._roll_back(step, trouble), f"rollback of {model}")

    async def stop(self) -> None:
        """Follow no more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._loader.close()
        await self._journal.close()

    def _in_trouble(self, model: str, partition: int, offset: int) -> Step | None:
        assigned = self._plans[partition].look(offset)
        role: Role
        if model == assigned.canary:
            role = "canary"
        elif model == assigned.champion:
            role = "champion"
        else:
            return None
        step = self.history.newest.get(role)
        return step if step is not None and step.promotion.model == model else None

    async def _roll_back(self, step: Step, trouble: Trouble) -> None:
        bad = step.promotion
        record = Promotion(
            id=uuid4().hex,
            role=bad.role,
            model=step.previous if bad.role == "champion" else None,
            first={},
            reason=f"{trouble.kind}: {trouble.detail}"[:TEXT_CHARS],
            by=worker_name(),
            automatic=True,
            answers=bad.id,
        )

        async def write() -> None:
            await self._journal.write(replace(record, first=await self._promise(ROLLBACK_LEAD_S)))

        await self._until_written(write)

    async def _follow(self) -> None:
        away = False
        while True:
            try:
                entries = await self._journal.read()
            except (KafkaError, OSError) as error:
                if not away:
                    log.warning("models: cannot be read (%r); what is known stays", error)
                away = True
                await asyncio.sleep(RETRY_S)
                continue
            away = False
            for entry in entries:
                await self._learn(entry.record)
            if not entries:
                await asyncio.sleep(FOLLOW_S)

    async def _learn(self, record: Record | None) -> None:
        """A record came while we work."""
        if isinstance(record, Promotion) and record.model is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._loader.load(record.model), LOAD_S)
        before = len(self.history.steps)
        for amendment in self._take(record):
            self._spawn(self._until_written(partial(self._journal.write, amendment)), "amending")
        if len(self.history.steps) > before:
            self._metrics.swaps.inc()
            self._metrics.show(self.history)
            # Of a partition that is another worker's, what serves last: if it comes here, its past is loaded anew.
            places = ((plan, plan.passed if plan.passed >= 0 else LAST) for plan in self._plans.values())
            self._loader.forget({model for plan, offset in places for model in _models(plan, offset)})

    def _take(self, record: Record | None) -> list[Amendment]:
        """Take a record into the plans; the amendments to write."""
        if isinstance(record, Amendment):
            plan = self._plans.get(record.partition)
            if plan is not None and not plan.amend(record):
                log.warning(
                    "features[%d]: promotion %s was amended twice: signals written meanwhile may name another "
                    "model than a replay would",
                    record.partition,
                    record.promotion,
                )
            return []
        step = None if record is None else self.history.add(record)
        if step is None:
            return []
        return [amendment for plan in self._plans.values() if (amendment := plan.add(step)) is not None]

    async def _needed(self) -> set[str]:
        """Models that a record from here on may need."""
        if not self.history.steps:
            return set()
        positions = await self._positions()
        return {model for p, plan in self._plans.items() for model in _models(plan, positions.get(p, 0))}

    async def _until_written(self, write: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await write()
            except (RetryError, KafkaError, OSError) as error:
                log.warning("models: %s; trying again", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s ended on an unexpected error", task.get_name(), exc_info=error)


def _models(plan: PartitionPlan, offset: int) -> set[str]:
    """Models that a plan may need from `offset` on."""
    found = {
        model for assigned in plan.ahead(offset) for model in (assigned.champion, assigned.canary, assigned.challenger)
    }
    return {model for model in (*found, plan.previous(offset), plan.previous(LAST)) if model is not None}


def worker_name() -> str:
    """Who writes a record: user and machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
