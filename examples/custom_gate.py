"""A gate of your own: `python -m examples.custom_gate OUT`. Here it refuses what flickers.

A gate is a function from what it looks at to a Gate: a name, a measure in words, a score, the threshold. A score that
cannot be computed is NaN and has not passed. Tried here on a finished dataset, clip by clip: so a threshold is found.

To have it in every run: this file as operators/gates/flicker.py, a line in `_compare` of operators/audit.py,

    gates.append(flicker(output, limits.flicker))

a line in `due` of schemas/due.py, or whatever carries the gate is refused,

    (True, "flicker", "at most", limits.flicker),

its measure in schemas/measures.py, which second tries can help in operators/recovery/rungs.py, and the threshold
`flicker` in `Gates` of schemas/policy.py and in the policy's YAML.
"""

import sys
from pathlib import Path

import numpy as np
import webdataset as wds

from operators.video.encode import decode_bytes
from schemas.certificate import Gate

MOST = 6.0  # levels


def flicker(output: np.ndarray, most: float) -> Gate:
    """How much the mean brightness of frames uint8 [T,H,W,3] goes up and down from one to the next, in levels.

    A slow change goes one way and is none: what counts is the change of the change.
    """
    brightness = np.array([frame.mean() for frame in output])
    jumps = np.abs(np.diff(brightness, 2))
    score = float(jumps.max()) if len(jumps) else float("nan")  # of two frames nobody can tell
    return Gate("flicker", "largest jump of a frame's mean brightness, levels", score, most, "at most")


def main(dataset: Path) -> None:
    """Print the gate of every released clip."""
    shards = [str(path) for path in sorted(dataset.glob("shards/*.tar"))]
    for sample in wds.WebDataset(shards, shardshuffle=False):
        gate = flicker(decode_bytes(sample["mp4"]), MOST)
        print(f"{sample['__key__']}  {gate.score:.2f}  {'passes' if gate.passed else 'refused'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
