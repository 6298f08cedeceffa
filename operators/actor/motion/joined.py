"""Where one clip ends and the next begins: motion that goes on there, though neither clip knows the other.

Of a track's frames some are in both clips. What is solved for these alone is the same in both, and each comes to it.
"""

import numpy as np

from operators.actor.smoothstep import smoothstep

_AFTER = 2.0  # times as many frames as are shared: so long what was agreed on is still felt


def joined(motion: np.ndarray, before: np.ndarray | None, after: np.ndarray | None) -> np.ndarray:
    """Parameters float [T,P] that end as `after` [M,P] do, the last M frames' alone, and begin as `before` [N,P] does.

    The first frames were shown by the clip before, up to the last of `before`: from there on its difference fades.
    """
    made = motion.copy()
    if before is not None:
        count = len(before)
        apart, later = before[-1] - motion[count - 1], np.arange(len(motion) - count)
        made[:count] = before
        made[count:] += apart * (1 - smoothstep(0.0, _AFTER * count, later + 1.0))[:, None]
    if after is not None:
        count = len(after)
        share = smoothstep(0.0, 1.0, np.arange(1, count + 1) / count)[:, None]
        made[-count:] += share * (after - made[-count:])
    return made
