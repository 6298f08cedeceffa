"""What the witness of the gates sees: `python -m benchmarks.witness --people PEOPLE [--empty VIDEO]`.

On held-out synthetic streets with ground truth, at full and half size. "whole" leaves somebody as she is; "parts"
takes people out as a detector would that misses thin limbs, with a margin of 8 px, and asks for every piece that is
left. Found is what sightings at the threshold cover by a tenth. Wrong sightings are those with all people taken out,
and those in a video of nobody. Held out are people, clothes and scenes, but not the way they are rendered.
"""

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import torch

from benchmarks.cues import HEIGHTS, box_of
from jobs import options
from operators.gates.people import Detector
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.witness import Witness
from operators.training.synthetic_people import read_people
from operators.video.encode import decode_bytes
from schemas.cues import InstanceMasks

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
SIZES = {"16–24 px tall": (16, 24)} | {f"{name} tall": span for name, span in HEIGHTS.items()}
AREAS = {"12–48 px²": (12, 48), "48–192 px²": (48, 192), "over 192 px²": (192, 1_000_000)}
Values = dict[str, list[list[bool]]]


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    profile, _ = options.read_settings(arguments)
    witness, faces = Witness(profile.witness), FaceDetector(min(THRESHOLDS))
    values: Values = defaultdict(list)
    wrong: dict[str, list[list[int]]] = defaultdict(list)
    for sample in read_people(arguments.people, arguments.shards):
        frames, truth = sample.frames[:: arguments.step], sample.masks[:: arguments.step]
        scales = {1.0: "", 0.5: ", at half size"}
        for scale, note in scales.items():
            small = resized(frames, scale, cv2.INTER_AREA), resized(truth, scale, cv2.INTER_NEAREST)
            score_whole(witness, *small, values)
            if scale == 1.0:
                score_parts(witness, *small, values)
            everybody = dilated(small[1] > 0, 8)
            for name, look in (("witness", witness), ("faces", faces)):
                wrong[f"{name}, streets{note}"] += sightings(look, small[0], everybody)
    if arguments.empty:
        frames = decode_bytes(arguments.empty.read_bytes())[:: arguments.every]
        for name, look in (("witness", witness), ("faces", faces)):
            start = process_time()
            wrong[f"{name}, {arguments.empty.name}"] = sightings(
                look, frames, np.zeros(frames.shape[:3], bool)
            )
            spent = 1000 * (process_time() - start) / len(frames)
            print(f"{name}: {spent:.0f} ms a frame of {frames.shape[2]}x{frames.shape[1]}")
    thresholds = " | ".join(str(threshold) for threshold in THRESHOLDS)
    print(f"\n| found at threshold | of | {thresholds} |\n|{' --- |' * (2 + len(THRESHOLDS))}")
    for name in [*(f"whole, {size}" for size in SIZES), *(f"parts, {area}" for area in AREAS)]:
        print(row(name, len(values[name]), np.mean(values[name] or [[False] * len(THRESHOLDS)], axis=0)))
    print(f"\n| wrong sightings a frame | frames | {thresholds} |\n|{' --- |' * (2 + len(THRESHOLDS))}")
    for name, counts in wrong.items():
        print(row(name, len(counts), np.mean(counts, axis=0)))
    return 0


def row(name: str, count: int, figures: np.ndarray) -> str:
    """A line of a table."""
    return f"| {name} | {count} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |"


def resized(frames: np.ndarray, scale: float, how: int) -> np.ndarray:
    """[T,H,W,...] scaled."""
    return np.stack([cv2.resize(frame, None, fx=scale, fy=scale, interpolation=how) for frame in frames])


def dilated(masks: np.ndarray, radius: int) -> np.ndarray:
    """bool [T,H,W] grown by `radius` px."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.stack([cv2.dilate(mask.astype(np.uint8), disc) > 0 for mask in masks])


def score_whole(witness: Detector, frames: np.ndarray, truth: np.ndarray, values: Values) -> None:
    """Everybody as she is."""
    for found, mask in zip(witness(frames, np.zeros(truth.shape, bool)), truth, strict=True):
        for person in range(1, int(mask.max()) + 1):
            body = mask == person
            if body.any():
                _, top, _, bottom = box_of(body)
                name = next((size for size, (low, high) in SIZES.items() if low <= bottom - top < high), None)
                if name:
                    values[f"whole, {name}"].append(hit(found, body))


def score_parts(witness: Detector, frames: np.ndarray, truth: np.ndarray, values: Values) -> None:
    """What sticks out of masks that miss what is thin."""
    thick = np.stack(
        [
            cv2.morphologyEx((mask > 0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
            for mask in truth
        ]
    )
    covered = dilated(thick > 0, 8)
    for found, left in zip(witness(frames, covered), (truth > 0) & ~covered, strict=True):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(left.astype(np.uint8))
        for number in range(1, count):
            area = stats[number, cv2.CC_STAT_AREA]
            name = next((size for size, (low, high) in AREAS.items() if low <= area < high), None)
            if name:
                values[f"parts, {name}"].append(hit(found, labels == number))


def hit(found: InstanceMasks, body: np.ndarray) -> list[bool]:
    """At each threshold: do sightings cover a tenth of `body` bool [H,W]?"""
    shares = []
    for threshold in THRESHOLDS:
        covered = np.zeros(body.shape, bool)
        for patch, score in zip(found.masks, found.scores, strict=True):
            if score >= threshold:
                covered |= patch.within(0, 0, *body.shape)
        shares.append(bool(covered[body].mean() >= 0.1))
    return shares


def sightings(look: Detector, frames: np.ndarray, covered: np.ndarray) -> list[list[int]]:
    """Of each frame: how many there are at each threshold."""
    return [
        [int((found.scores >= threshold).sum()) for threshold in THRESHOLDS]
        for found in look(frames, covered)
    ]


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--shards", default="street-val.tar", help="which of them (default: %(default)s)")
    parser.add_argument(
        "--step", type=int, default=2, help="look at every so many frames (default: %(default)s)"
    )
    parser.add_argument("--empty", type=Path, help="a video that shows nobody")
    parser.add_argument("--every", type=int, default=10, help="of its frames (default: %(default)s)")
    options.run(main, parser)
