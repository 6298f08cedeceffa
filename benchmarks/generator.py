"""How well the embedded generator keeps a pose: `python -m benchmarks.generator --data PEOPLE`.

Every held-out crop is turned into a tube's conditioning from its ground truth, generated, and the pose detected
in the result is compared with the pose given. The same detector on the real frames is the ceiling. `--sheet`
writes a picture of what came out: source, conditioning and two generated frames per column.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from operators.degrade import degrade_condition
from operators.generate import VideoGenerator
from operators.pairs import vary_crop
from operators.people import Sample, read_people
from operators.pose import PoseEstimator
from schemas.config import load
from schemas.profile import Profile

ENLARGED = 3  # the detector learnt from people larger than a tube shows them


def pck(frames: np.ndarray, sample: Sample, detector: PoseEstimator, share: float = 0.1) -> tuple[int, int]:
    """(right, all) visible joints of the main person within `share` of their height; undetected people count."""
    height, width = frames.shape[1:3]
    size = (width * ENLARGED, height * ENLARGED)
    enlarged = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames])
    right = total = 0
    for t, found in enumerate(detector(enlarged)):
        joints, mask = sample.keypoints[t, 0], sample.masks[t] == 1
        seen = joints[:, 2] == 2
        if not seen.any() or not mask.any():
            continue
        total += int(seen.sum())
        if len(found.keypoints):
            tall = np.ptp(np.nonzero(mask)[0]) + 1
            places = found.keypoints[:, seen, :2] / ENLARGED
            distance = np.linalg.norm(places - joints[seen, :2], axis=-1)
            right += int((distance <= share * tall).sum(axis=1).max())
    return right, total


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with shards of synthetic people")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the first 24 clips to this PNG")
    parser.add_argument("--profile", default="cluster/profiles/embedded.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    profile = load(Profile, options.profile, options.set)
    settings, rng = profile.generator, np.random.default_rng(0)
    generator = VideoGenerator(
        settings.weights,
        settings.steps,
        settings.guidance,
        settings.flow_shift,
        settings.window,
        settings.overlap,
    )
    detector = PoseEstimator(profile.pose.weights, profile.pose.confidence, profile.pose.image_size)
    columns, seconds, scores = [], [], np.zeros((2, 2), int)
    samples = read_people(options.data, "crops-val.tar")
    for number, whole in zip(range(options.clips), samples, strict=False):
        sample = vary_crop(whole, rng, settings.tube)
        condition, anew = degrade_condition(sample, rng, structall=False)
        start = time.perf_counter()
        made = generator(condition, anew, sample.caption(), number)
        seconds.append(time.perf_counter() - start)
        scores += [pck(made, sample, detector), pck(sample.frames, sample, detector)]
        columns.append(np.concatenate([sample.frames[4], condition[4], made[4], made[14]]))
    for name, (right, total) in zip(("generated", "real frames (ceiling)"), scores, strict=True):
        print(f"PCK@0.1, {name}: {right / total:.3f} of {total} visible joints in {len(columns)} clips")
    print(f"seconds per tube of {settings.window} frames, one thread: {np.median(seconds):.1f}")
    if options.sheet:
        rows = [
            np.concatenate(columns[first : first + 12], axis=1)
            for first in range(0, min(24, len(columns)), 12)
        ]
        cv2.imwrite(str(options.sheet), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
