"""Meanwhile a model is trained on the first part of the recording, and promoted as an operator would promote it."""

import asyncio
import importlib.util
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from deploy.demo.worker import ROOT, worker_variables
from deploy.local.files import last_lines
from streams.feeds.sample import PATH
from streams.settings import Settings

NAME: Final = "es"
TRAINED_ON: Final = 20_000
"""Ticks at the beginning of the recording, six and a half minutes; they are not streamed."""
EXTRA: Final = ("sklearn", "lightgbm", "skl2onnx", "onnxmltools", "onnx")
"""What training imports of the extra `train`."""
MISSING: Final = "the rules decide: the extra `train` is not installed, nothing is trained; make demo TRAIN=1 adds it"
TRAIN: Final = (
    *("train", str(PATH), "--limit", str(TRAINED_ON), "--name", NAME, "--quick"),
    *("--horizon", "2s", "--price", "last", "--folds", "2", "--members", "lightgbm,logistic"),
)
VERDICTS: Final = {
    "better": "better than the baselines",
    "no better": "no better than the baselines",
    "too few": "too few rows to judge",
    "leak": "a leak was found",
}
PROMOTE: Final = ("models", "promote", NAME, "--reason", "the demonstration")


class Learning:
    """Runs `faust -A app train` and `faust -A app models promote` as children; what they print goes to `log`.

    A failure is told in `status` and ends nothing: the rules go on.
    """

    def __init__(self, folder: Path, settings: Settings, env: Mapping[str, str]) -> None:
        self.log = folder / "training.log"
        self.status = f"the rules decide; a model is trained on the first {TRAINED_ON:,} ticks of ES"
        """One line for people."""
        self._registry = Path(settings.model_registry)
        self._env = {**env, **worker_variables(settings), "PYTHONUNBUFFERED": "1"}

    async def run(self) -> None:
        """Train and promote; cancelled, it leaves nothing running."""
        self.log.write_bytes(b"")
        clock = asyncio.get_running_loop()
        began_s = clock.time()
        if not await self._do("training", TRAIN):
            return
        took_s = clock.time() - began_s
        trained = f"model trained in {took_s:.1f} s on {TRAINED_ON:,} earlier ticks"
        told = f"report: {self._verdict()}"
        self.status = f"{trained}; {told}"
        if await self._do("the promotion", PROMOTE):
            self.status = f"{trained}, promoted; {told}"

    def _verdict(self) -> str:
        """The judgement on data that nothing of the model was chosen on."""
        (report,) = self._registry.glob(f"{NAME}/*/report.json")
        verdict = str(msgspec.json.decode(report.read_bytes())["verdict"])
        return VERDICTS.get(verdict, verdict)

    async def _do(self, what: str, arguments: tuple[str, ...]) -> bool:
        status = await self._child(arguments)
        if status != 0:
            said = (last_lines(self.log, 1) or ["it said nothing"])[0]
            self.status = f"the rules decide: {what} failed ({said.removeprefix('Error: ')}); {self.log}"
        return status == 0

    async def _child(self, arguments: tuple[str, ...]) -> int:
        with self.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *("nice", "-n", "10", sys.executable, "-m", "faust", "-A", "app", *arguments),
                cwd=ROOT,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return await child.wait()
        finally:
            await _end(child)


class NotLearning:
    """In place of Learning where the extra is missing."""

    status = MISSING

    async def run(self) -> None:
        """Nothing to do."""


def can_learn() -> bool:
    """Whether the extra `train` is installed."""
    return all(importlib.util.find_spec(name) for name in EXTRA)


async def _end(child: Process) -> None:
    with suppress(ProcessLookupError):
        child.kill()
    await child.wait()
