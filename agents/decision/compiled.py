"""Compilation of the decision's row loops: scalar code by numba, cached on disk, without fast-math.

Why not whole-array NumPy: its `exp` and `log` take other instructions on other CPUs and for other memory layouts, so
the last bit could depend on how a batch was cut. A loop over rows with the C library's scalar functions has one answer
per row whatever is around it, and costs a microsecond for a batch of one.

A compiled function of this room calls no compiled function of another file: numba 0.68 looks only at the age of the
function's own file when it decides whether its cache is fresh, and would go on using the old callee.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile `function` at its first call; division by zero gives inf or NaN as in NumPy.

    The machine code is cached beside the source or in the user's cache folder. Where neither can be written (an image
    with a read-only file system) numba refuses to cache, and each process compiles for itself: about 0.3 s a function.
    """
    try:
        return cast(Function, njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # numba 0.68: "cannot cache function ...: no locator available for file ..."
        return cast(Function, njit(error_model="numpy")(function))
