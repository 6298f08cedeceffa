"""How good the actors are, without any generator: `python -m benchmarks.actor --people PEOPLE`.

Joints and masks come from the ground truth, made as imperfect as extractors make them. Measured: the actor's own joints
against the true ones (share within 5 % of the height), their jitter against the true and the given joints'
(second difference over time), how much of the masks the plate had to make up, and processor seconds on one thread.
On crops, too: the pose that the embedded detector finds in the plain composite, against the same on the real frames
as a ceiling, what changes from frame to frame beyond the real video's motion, and how much more a picture changes
across the edges of the masks than beside them. `--sheet` writes a picture of source, masked source, plate and
composite, the clips whose actors keep the fewest joints first.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.generator import pck
from operators.actor.actor import actor, keypoints
from operators.actor.background.plate import plate
from operators.actor.compose import cast, compose
from operators.conditioning.persona import sample_persona
from operators.evaluation.warping import warping_error
from operators.models.build import pose_model
from operators.training.degrade import degrade_condition, jitter
from operators.training.pairs import vary_crop
from operators.training.synthetic_people import RenderedClip, read_people
from schemas.actor import Actor
from schemas.config import load
from schemas.profile import Profile

FPS = 12.0
FEWEST = 20  # joints of a track, over all frames, that are worth an actor


@dataclass
class Result:
    """One clip: its picture, and what was measured on it."""

    frames: np.ndarray
    row: np.ndarray
    kept: list[float]
    jitter: list[tuple[float, float, float]]
    holes: float
    seconds: dict[str, float]
    drawn: int


def perform(
    sample: RenderedClip, joints: np.ndarray, mask: np.ndarray, persona: dict[str, list[str]], number: int
) -> Result:
    """The plain composite of one clip: joints float32 [T,P,17,3] as given, mask bool [T,H,W]."""
    clock = [time.process_time()]
    gray = np.where(mask[..., None], np.uint8(128), sample.frames)
    background = plate(gray, mask)
    clock.append(time.process_time())
    casts, kept, shaken, size = [], [], [], mask.shape[1:]
    for person in range(joints.shape[1]):
        alive = np.nonzero((sample.masks == person + 1).any((1, 2)))[0]
        if not len(alive) or (joints[:, person, :, 2] > 0).sum() < FEWEST:
            continue
        first, stop = int(alive[0]), int(alive[-1]) + 1
        given, true = joints[first:stop, person], sample.keypoints[first:stop, person]
        seed = 1000 * number + person
        made = actor(
            given,
            _boxes(sample.masks[first:stop] == person + 1),
            size,
            FPS,
            seed,
            sample_persona(seed, persona),
        )
        if made is None:
            continue
        casts.append(cast(made, first, gray, mask))
        kept.append(_kept(made, true))
        shaken.append(
            (_shake(keypoints(made), true), _shake(given[..., :2], true), _shake(true[..., :2], true))
        )
    clock.append(time.process_time())
    frames = compose(background, mask, casts)
    clock.append(time.process_time())
    middle = len(frames) // 2
    row = np.concatenate([part[middle] for part in (sample.frames, gray, background.frames, frames)], axis=1)
    names = ("plate", "fit", "draw")
    seconds = {name: after - before for name, before, after in zip(names, clock, clock[1:], strict=False)}
    drawn = sum(len(one.actor.motion.pose) for one in casts)
    holes = float(background.holes.sum() / max(1, mask.sum()))
    return Result(frames, row, kept, shaken, holes, seconds, drawn)


def _boxes(masks: np.ndarray) -> np.ndarray:
    """float [N,4] of masks bool [N,H,W]; the last one's where a mask is empty."""
    boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
    for t in range(1, len(boxes)):
        boxes[t] = boxes[t] if boxes[t][2] else boxes[t - 1]
    return np.array([[x, y, x + width, y + height] for x, y, width, height in boxes], float)


def _kept(made: Actor, true: np.ndarray) -> float:
    """Share of visible joints within 5 % of the height."""
    seen = true[..., 2] == 2
    if not seen.any():
        return float("nan")
    tall = np.ptp(true[..., 1], axis=1)[:, None]
    return float((np.linalg.norm(keypoints(made) - true[..., :2], axis=-1) < 0.05 * tall)[seen].mean())


def _shake(points: np.ndarray, true: np.ndarray) -> float:
    tall = np.ptp(true[1:-1, :, 1], axis=1)[:, None]
    return (
        float((np.linalg.norm(np.diff(points, 2, axis=0), axis=-1) / tall).mean())
        if len(points) > 2
        else np.nan
    )


def seam(frames: np.ndarray, mask: np.ndarray) -> float:
    """How much frames uint8 [T,H,W,3] change across the edges of mask bool [T,H,W], over how much they change one
    pixel further out: near 1 where the picture does not show where the mask ends, NaN where nothing can be told."""
    across = beside = 0.0
    for axis in (1, 2):
        levels, inside = np.moveaxis(frames.astype(float), axis, 1), np.moveaxis(mask, axis, 1)
        steps = np.abs(np.diff(levels, axis=1)).mean(-1)
        for step, within in ((steps, inside), (steps[:, ::-1], inside[:, ::-1])):
            edge = within[:, 2:] & ~within[:, 1:-1] & ~within[:, :-2]  # two known pixels, then the mask
            across, beside = across + step[:, 1:][edge].sum(), beside + step[:, :-1][edge].sum()
    return float(across / beside) if beside else float("nan")


def main() -> None:
    """Print the figures; write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--shards", default="crops-val.tar")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    profile = load(Profile, "cluster/profiles/embedded.yaml", [])
    crops = arguments.shards.startswith("crops")
    detector = pose_model(profile.pose, "cpu") if crops else None
    rng, found, changes = np.random.default_rng(0), np.zeros((2, 2), int), []
    results = []
    for number, whole in zip(
        range(arguments.clips), read_people(arguments.people, arguments.shards), strict=False
    ):
        sample = vary_crop(whole, rng, profile.generator.tube) if crops else whole
        _, mask = degrade_condition(sample, rng, structall=False)
        result = perform(sample, jitter(sample.keypoints, rng), mask, profile.persona, number)
        results.append(result)
        if detector:
            found += [pck(result.frames, sample, detector), pck(sample.frames, sample, detector)]
            changes.append(
                [
                    (warping_error(frames, sample.frames, mask), seam(frames, mask))
                    for frames in (result.frames, sample.frames)
                ]
            )
    _report(results, found, np.array(changes))
    if arguments.sheet:
        results.sort(key=lambda result: float(np.nanmean(result.kept)) if result.kept else -1)
        rows = [result.row for result in results]
        across = 3 if crops else 1
        rows = [
            np.concatenate(rows[start : start + across], 1)
            for start in range(0, len(rows) - across + 1, across)
        ]
        cv2.imwrite(str(arguments.sheet), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))


def _report(results: list[Result], found: np.ndarray, changes: np.ndarray) -> None:
    drawn = sum(result.drawn for result in results)
    kept = np.concatenate([result.kept for result in results])
    shaken = np.concatenate([np.reshape(result.jitter, (-1, 3)) for result in results])
    print(f"{len(results)} clips, {len(kept)} actors; own joints, PCK@0.05: {np.nanmean(kept):.3f}")
    mine, given, true = np.nanmean(shaken, axis=0)
    print(f"jitter over the true joints': {mine / true:.2f}; the given joints': {given / true:.2f}")
    print(f"share of the masks that the plate made up: {np.mean([result.holes for result in results]):.3f}")
    for name in ("fit", "draw"):
        print(
            f"{name}: {sum(result.seconds[name] for result in results) / max(1, drawn):.4f} s a person-frame"
        )
    frames = sum(len(result.frames) for result in results)
    print(f"plate: {sum(result.seconds['plate'] for result in results) / frames:.4f} s a frame")
    if found.any():
        print("PCK@0.1 of the detector: composite {:.3f}, real {:.3f}".format(*(found[:, 0] / found[:, 1])))
        warps, seams = np.nanmean(changes, axis=0).T
        print("warping error: composite {:.2f}, real {:.2f} levels".format(*warps))
        print("seam: composite {:.2f}, real {:.2f}".format(*seams))


if __name__ == "__main__":
    main()
