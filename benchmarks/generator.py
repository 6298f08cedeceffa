"""How good the embedded generator's people are: `python -m benchmarks.generator --people PEOPLE`.

Every held-out crop is turned into a tube's conditioning from its ground truth, and generated with a look sampled
as `anonymize` samples it. Measured in the result: the pose, detected anew, against the pose given (the same
detector on the real frames is the ceiling); what changes from frame to frame beyond the motion of the real video,
relative to that video; and whether the garment of the person who was there can be told. `--sheet` writes a
picture of the first 24: source, conditioning and two generated frames per column. `--keep` writes the frames to a file,
`--against` says how far they are from those that another run kept, of the same clips and seeds, by other settings.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from operators.conditioning.persona import sample_persona
from operators.evaluation.warping import warping_error
from operators.generation.generator import WanVaceGenerator
from operators.generation.rate import restored, shown, thinned
from operators.models.build import PoseModel, pose_model
from operators.training.degrade import degrade_condition
from operators.training.pairs import vary_crop
from operators.training.synthetic_people import RenderedClip, read_people
from schemas.config import load
from schemas.generation import Request
from schemas.profile import Profile

ENLARGED = 3  # the detector learnt from people larger than a tube shows them
TORSO = [5, 6, 11, 12]  # COCO: shoulders and hips


def pck(frames: np.ndarray, sample: RenderedClip, detector: PoseModel, share: float = 0.1) -> tuple[int, int]:
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
            places = found.keypoints[:, :17][:, seen, :2] / ENLARGED  # hands beyond
            distance = np.linalg.norm(places - joints[seen, :2], axis=-1)
            right += int((distance <= share * tall).sum(axis=1).max())
    return right, total


def thinned_out(sample: RenderedClip, step: int) -> RenderedClip:
    """Every `step`-th frame of it."""
    parts = {name: getattr(sample, name)[::step] for name in ("frames", "masks", "depth", "keypoints")}
    return replace(sample, **parts)


def torso(frames: np.ndarray, sample: RenderedClip) -> np.ndarray:
    """float64 [3]: mean colour around the middle of the main person's torso, NaN where it is never seen."""
    colours = []
    for t, joints in enumerate(sample.keypoints[:, 0]):
        x, y = joints[TORSO, :2].mean(axis=0).astype(int)
        inside = 0 <= y < frames.shape[1] and 0 <= x < frames.shape[2]
        if (joints[TORSO, 2] == 2).all() and inside and sample.masks[t, y, x] == 1:
            colours.append(frames[t, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].mean(axis=(0, 1)))
    return np.mean(colours, axis=0) if colours else np.full(3, np.nan)


def told_apart(source: np.ndarray, made: np.ndarray) -> float:
    """Balanced accuracy with which the source's garment is told from the output; chance is 1/3.

    Colours [N,3]. The garment's class is its third, by brightness, then red against green, then blue against yellow
    (the mean of the three). The classifier takes the nearest class mean of all outputs but the one in question.
    """
    axes = np.array([[1, 1, 1], [1, -1, 0], [-0.5, -0.5, 1]])
    scores: list[float] = []
    for values in (source @ axes.T).T:
        classes = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)
        right = []
        for i in range(len(made)):
            others = np.arange(len(made)) != i
            means = [made[others & (classes == c)].mean(axis=0) for c in range(3)]
            right.append(np.linalg.norm(means - made[i], axis=1).argmin() == classes[i])
        scores.extend(np.mean(np.array(right)[classes == c]) for c in range(3))
    return float(np.mean(scores))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=Path, required=True, help="folder with shards of synthetic people")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the first 24 clips to this PNG")
    parser.add_argument("--step", type=int, default=1, help="look for poses in every n-th frame")
    parser.add_argument("--keep", type=Path, help="write what was generated to this .npz")
    parser.add_argument("--against", type=Path, help="a .npz of another run")
    parser.add_argument("--profile", default="cluster/profiles/embedded.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        help="show it every n-th frame, the others come back generator.between",
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    profile = load(Profile, options.profile, options.set)
    settings, rng = profile.generator, np.random.default_rng(0)
    generator = WanVaceGenerator(settings)
    detector = pose_model(profile.pose, "cpu")
    columns, seconds, poses, warps, garments = [], [], np.zeros((2, 2), int), [], []
    kept: list[np.ndarray] = []
    others = dict(np.load(options.against)) if options.against else None
    distances = []
    samples = read_people(options.people, "crops-val.tar")
    for number, whole in zip(range(options.clips), samples, strict=False):
        sample = vary_crop(whole, rng, settings.tube)
        condition, anew = degrade_condition(sample, rng, False, settings.skeleton)
        start = time.process_time()
        asked = Request(condition, anew, sample_persona(number, profile.persona), number)
        parts = shown(len(condition), options.every, settings.between)
        made = restored(generator.together(thinned(asked, parts)), parts, len(condition))
        if isinstance(made, Exception):
            raise made
        seconds.append(time.process_time() - start)
        kept.append(made)
        if others is not None:
            distances.append(np.abs(made.astype(float) - others["frames"][number])[anew].mean())
        some = thinned_out(sample, options.step)
        real = np.zeros(2) if others else pck(some.frames, some, detector)
        poses += np.array([pck(made[:: options.step], some, detector), real], int)
        warps.append([warping_error(frames, sample.frames, anew) for frames in (made, sample.frames)])
        garments.append([torso(frames, sample) for frames in (sample.frames, made)])
        columns.append(np.concatenate([sample.frames[4], condition[4], made[4], made[14]]))
    poses[1] += others["real"] if others else 0
    for name, (right, total) in zip(("generated", "real frames (ceiling)"), poses, strict=True):
        print(f"PCK@0.1, {name}: {right / total:.3f} of {total} visible joints in {len(columns)} clips")
    generated, real = np.nanmean(warps, axis=0)
    print(f"warping error: {generated / real:.2f} of the real video's ({generated:.2f} / {real:.2f} levels)")
    seen = np.array([pair for pair in garments if np.isfinite(pair).all()])
    share = told_apart(seen[:, 0], seen[:, 1])
    print(
        f"source's garment told from the output: balanced accuracy {share:.3f}, chance 0.333, {len(seen)} clips"
    )
    median = np.median(seconds)
    print(f"processor seconds per tube of {settings.window} frames, {options.threads} threads: {median:.1f}")
    if others is not None:
        print(
            f"from {options.against.name}, where people are generated: {np.mean(distances):.2f} levels of 255"
        )
    if options.keep:
        np.savez_compressed(options.keep, frames=np.stack(kept), real=poses[1])
    if options.sheet:
        rows = [
            np.concatenate(columns[first : first + 12], axis=1)
            for first in range(0, min(24, len(columns)), 12)
        ]
        cv2.imwrite(str(options.sheet), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
