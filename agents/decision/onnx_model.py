"""One ONNX file as ONNX Runtime runs it: class probabilities of a matrix of inputs, the same bits in every batch.

ONNX Runtime takes another matrix routine for a single row than for several (1.32: the logistic regression's last digit
differs), so a single row is scored twice in a batch of two. Whether that is enough is tried out when a file is loaded:
one whose answers to some rows still depend on what else is in the batch is scored row by row.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.errors import ConfigError

F32 = NDArray[np.float32]

INPUTS: Final = "inputs"
PROBABILITIES: Final = "probabilities"

_PROBES: Final = 515
_CUTS: Final = (1, 2, 3, 4, 5, 8, 16, 28, 448)
"""Batches that the probes are cut into, besides all of them at once; they sum to the probes."""


class OnnxModel:
    """A loaded model. One caller at a time."""

    def __init__(self, where: str, raw: bytes, *, width: int, classes: int) -> None:
        """Load `raw`, the content of the file `where`: input `inputs` float32 [n, width], output `probabilities`.

        Raises:
            ConfigError: ONNX Runtime refuses it, or it has other inputs or outputs.
        """
        # Here, for it takes 0.2 s and 50 MB, and a worker that serves the rules only needs none of it.
        import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        # A large batch would leave its memory with the session for good.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 3  # errors; they come as exceptions too
        try:
            self._session: Any = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base
            raise ConfigError(f"{where}: ONNX Runtime cannot load it: {error}; train the model again") from None
        self.where = where
        self.classes = classes
        self._check(width)
        self.by_row = False
        self.by_row = not self._indifferent(width)

    def probabilities(self, matrix: F32) -> F32:
        """[n, classes] for `matrix` [n, width], C-contiguous.

        Raises:
            Exception: of whatever type ONNX Runtime has for it.
            ValueError: what came is not of this shape.
        """
        n = len(matrix)
        if n == 0:
            return np.empty((0, self.classes), np.float32)
        if n == 1 or self.by_row:
            return np.concatenate([self._run(np.repeat(matrix[i : i + 1], 2, axis=0))[:1] for i in range(n)])
        return self._run(matrix)

    def _run(self, matrix: F32) -> F32:
        out: F32 = self._session.run([PROBABILITIES], {INPUTS: matrix})[0]
        if out.shape != (len(matrix), self.classes):
            raise ValueError(f"{self.where} gave probabilities of shape {out.shape}: {(len(matrix), self.classes)}")
        return out

    def _check(self, width: int) -> None:
        """Refuse a model of another form."""
        inputs = [(i.name, i.type, i.shape[1:]) for i in self._session.get_inputs()]
        if inputs != [(INPUTS, "tensor(float)", [width])]:
            raise ConfigError(
                f"{self.where}: inputs {inputs}, where the manifest says {INPUTS!r} float32 [n, {width}]; take the "
                "version from where it came from, or train the model again"
            )
        outputs = {o.name: o.type for o in self._session.get_outputs()}
        if outputs.get(PROBABILITIES) != "tensor(float)":
            raise ConfigError(
                f"{self.where}: outputs {outputs}, where {PROBABILITIES!r} float32 should be; train the model again"
            )

    def _indifferent(self, width: int) -> bool:
        """Whether each of some made-up rows has one answer, however they are cut into batches."""
        rows = np.random.default_rng(20130801).standard_normal((_PROBES, width)) * 3.0
        probes = rows.astype(np.float32)
        try:
            whole = self.probabilities(probes)
            first = 0
            for size in _CUTS:
                part = self.probabilities(np.ascontiguousarray(probes[first : first + size]))
                if part.tobytes() != whole[first : first + size].tobytes():
                    return False
                first += size
        except Exception as error:  # noqa: BLE001 - as above
            raise ConfigError(f"{self.where}: it cannot score: {error}; train the model again") from None
        return True
