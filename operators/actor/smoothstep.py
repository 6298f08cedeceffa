"""From nothing to all, smoothly."""

import numpy as np


def smoothstep(low: float, high: float, at: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; of tensors it is operators/actor/drawing/noise.ramp."""
    share = np.clip((at - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))
