"""How well the cue models see held-out synthetic people: `python -m benchmarks.cues --people PEOPLE`.

Prints a markdown table at the profile's thresholds. A person is found where a box overlaps hers by half (IoU);
"either" is what the pipeline tracks; "uncovered" is what remains after tracks, union and dilation under the policy:
frames of a person's track in which more than a tenth of her visible pixels lie outside every mask. Held out are
people, clothes and scenes, but not the way they are rendered.
"""

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from jobs import options
from operators.conditioning.track import track_people
from operators.models.boxes import best_pairs, box_iou
from operators.models.build import depth_model, pose_model, segment_model
from operators.training.synthetic_people import RenderedClip, read_people
from schemas.cues import InstanceMasks, PoseDetections
from schemas.track import Track

HEIGHTS = {"24–48 px": (24, 48), "48–96 px": (48, 96), "over 96 px": (96, 100_000)}
Values = dict[str, list[float]]


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    profile, policy = options.read_settings(arguments)
    pose, segment = pose_model(profile.pose, "cpu"), segment_model(profile.segment, "cpu")
    depth = depth_model(profile.depth, "cpu")
    values: Values = defaultdict(list)
    for sample in read_people(arguments.people, arguments.shards):
        frames = sample.frames[:: arguments.step]
        masks, poses, maps = (
            timed(model, frames, name, values) for name, model in models(segment, pose, depth)
        )
        tracks = track_people(frames, masks, poses, policy.mask)
        score_cover(sample.masks[:: arguments.step], tracks, values)
        for number in range(len(frames)):
            frame = sample.window(number * arguments.step, 1)
            score_people(frame, masks[number], poses[number], policy.mask.start_confidence, values)
            values["depth Spearman"].append(spearman(maps[number], frame.depth[0]))
    print(f"{len(values['depth Spearman'])} frames\n\n| measure | value | of |\n| --- | --- | --- |")
    for name in sorted(values):
        print(f"| {name} | {np.nanmean(values[name]):.3f} | {len(values[name])} |")
    return 0


def models(*found: Any) -> list[tuple[str, Any]]:
    """Each with its name for the table."""
    return list(zip(("segment", "pose", "depth"), found, strict=True))


def timed(model: Any, frames: np.ndarray, name: str, values: Values) -> Any:
    """The model's result; its processor time per frame goes into the table."""
    before = process_time()
    result = model(frames)
    values[f"{name}, CPU seconds per frame"].append((process_time() - before) / len(frames))
    return result


def score_people(
    frame: RenderedClip, masks: InstanceMasks, poses: PoseDetections, believed: float, values: Values
) -> None:
    """One frame: who was found, how well masks and joints agree, how often nobody was there."""
    people = [(frame.masks[0] == number + 1, points) for number, points in enumerate(frame.keypoints[0])]
    people = [(mask, points) for mask, points in people if mask.any()]
    boxes = np.array([box_of(mask) for mask, _ in people], np.float32).reshape(-1, 4)
    by_mask, by_pose = match(boxes, masks.boxes), match(boxes, poses.boxes)
    for name, found, scores in (("segment", by_mask, masks.scores), ("pose", by_pose, poses.scores)):
        others = np.delete(scores, list(found.values()))
        values[f"{name}, boxes on nobody per frame"].append(len(others))
        values[f"{name}, of these believed"].append(int((others >= believed).sum()))
    found_masks = [mask.within(0, 0, *frame.masks.shape[1:]) for mask in masks.masks]
    covered = np.logical_or.reduce([np.zeros(frame.masks.shape[1:], bool), *found_masks])
    for number, (mask, points) in enumerate(people):
        height = boxes[number, 3] - boxes[number, 1]
        size = next((name for name, (low, high) in HEIGHTS.items() if low <= height < high), None)
        if size is None:
            continue
        values[f"recall, segment, {size}"].append(number in by_mask)
        values[f"recall, pose, {size}"].append(number in by_pose)
        values[f"recall, either, {size}"].append(number in by_mask or number in by_pose)
        values[f"share of body pixels masked, {size}"].append(float(covered[mask].mean()))
        if number in by_mask:
            seen = found_masks[by_mask[number]]
            values["mask IoU of the found"].append((seen & mask).sum() / (seen | mask).sum())
        if number in by_pose:
            away = np.linalg.norm(poses.keypoints[by_pose[number], : len(points), :2] - points[:, :2], axis=1)
            for share in (0.05, 0.1):
                values[f"PCK@{share:.2f} of height, of the found"].extend(
                    away[points[:, 2] == 2] <= share * height
                )


def score_cover(truth: np.ndarray, tracks: list[Track], values: Values) -> None:
    """Instance masks uint8 [T,H,W] against all tracks' masks: the frames in which somebody is left uncovered."""
    covered = np.zeros(truth.shape, bool)
    for track in tracks:
        track.masks.paste(covered, track.first)
    for person in range(1, int(truth.max()) + 1):
        for t in np.nonzero((truth == person).any(axis=(1, 2)))[0]:
            body = truth[t] == person
            top, bottom = box_of(body)[1::2]
            size = next((name for name, (low, high) in HEIGHTS.items() if low <= bottom - top < high), None)
            if size is not None:
                values[f"uncovered, {size}"].append(float(covered[t][body].mean()) < 0.9)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 of the True part."""
    ys, xs = np.nonzero(mask)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def match(truth: np.ndarray, found: np.ndarray) -> dict[int, int]:
    """Pairs of boxes that overlap by half, each used once."""
    return best_pairs(box_iou(truth, found), 0.5)


def spearman(found: np.ndarray, truth: np.ndarray) -> float:
    """Rank correlation over every eighth pixel of every eighth row; NaN where the truth is flat."""
    return float(spearmanr(found[::8, ::8].ravel(), truth[::8, ::8].ravel()).statistic)


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--shards", default="street-val.tar", help="which of them (default: %(default)s)")
    parser.add_argument("--step", type=int, default=1, help="look at every so many frames")
    options.run(main, parser)
