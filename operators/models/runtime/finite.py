"""Numbers that are none: a NaN passes no threshold, so a model that says it would find nobody."""

from typing import Any

import numpy as np


def finite(array: Any) -> np.ndarray:
    """A tensor or array as float32 numpy. Raises ValueError for NaN or infinity."""
    values = np.asarray(array.cpu() if hasattr(array, "cpu") else array, np.float32)
    check_finite(values)
    return values


def check_finite(*outputs: Any, what: str = "a model's output") -> None:
    """Raises ValueError, which says `what`, for NaN or infinity in tensors, arrays, or lists, tuples and values of
    dicts of them."""
    for output in outputs:
        if isinstance(output, dict | list | tuple):
            check_finite(*(output.values() if isinstance(output, dict) else output), what=what)
        elif isinstance(output, np.ndarray):
            if not np.isfinite(output).all():
                raise ValueError(f"not finite: {what}")
        elif hasattr(output, "isfinite") and not bool(
            output.isfinite().all()
        ):  # a tensor; torch is not loaded for it
            raise ValueError(f"not finite: {what}")
