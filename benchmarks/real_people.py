"""How well the cue models see real people: `python -m benchmarks.real_people --clips FOLDER`.

FOLDER holds videos and a boxes.json that lists, for some of their frames, who is there: [{file, frame, people: [{box:
[x0, y0, x1, y1], hidden_or_cut}]}]. A person is hit where a box of somebody believed (the policy's start_confidence)
overlaps hers by 0.4 (IoU); "listed" counts faint boxes, too, which continue tracks. `--empty` names videos of nobody.
"""

import json
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import torch

from jobs import options
from operators.models.boxes import best_pairs, box_iou
from operators.models.build import pose_model, segment_model
from operators.video.encode import decode_bytes
from schemas.cues import InstanceMasks, PoseDetections

_HIT = 0.4


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    profile, policy = options.read_settings(arguments)
    pose, segment = pose_model(profile.pose, "cpu"), segment_model(profile.segment, "cpu")
    count: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    seconds, shown = 0.0, 0
    for name, annotated in frames_of(arguments).items():
        video = decode_bytes((arguments.clips / name).read_bytes())
        row = count[name]
        for number, people in annotated.items():
            frame, before = video[number : number + 1], process_time()
            masks, poses = segment(frame)[0], pose(frame)[0]
            seconds, shown = seconds + process_time() - before, shown + 1
            boxes = np.concatenate([masks.boxes, poses.boxes])
            believed = np.concatenate([masks.scores, poses.scores]) >= policy.mask.start_confidence
            there = np.array([one["box"] for one in people], np.float32).reshape(-1, 4)
            listed, hits = (best_pairs(box_iou(there, some), _HIT) for some in (boxes, boxes[believed]))
            row["frames"] += 1
            sure = policy.mask.start_confidence
            row["boxes on nobody"] += max(nobody(one, there, sure) for one in (masks, poses))
            for i, one in enumerate(people):
                kind = "hidden or cut" if one["hidden_or_cut"] else "visible"
                row[f"{kind}"] += 1
                row[f"{kind}, hit"] += i in hits
                row[f"{kind}, listed"] += i in listed
    columns = [
        "frames",
        *(f"{kind}{what}" for kind in ("visible", "hidden or cut") for what in ("", ", hit", ", listed")),
    ]
    columns.append("boxes on nobody")
    print(f"{seconds / shown:.2f} CPU seconds a frame\n")
    print(f"| clip | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for name, row in count.items():
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    return 0


def nobody(found: InstanceMasks | PoseDetections, there: np.ndarray, believed: float) -> int:
    """Boxes that are believed, and touch nobody who is annotated."""
    away = box_iou(found.boxes, there).max(axis=1, initial=0) < 0.1
    return int((away & (found.scores >= believed)).sum())


def frames_of(arguments: Namespace) -> dict[str, dict[int, list[dict]]]:
    """Whom each frame of each video shows; of a video of nobody, every so many frames."""
    found: dict[str, dict[int, list[dict]]] = defaultdict(dict)
    for entry in json.loads((arguments.clips / "boxes.json").read_text()):
        found[entry["file"]][entry["frame"]] = entry["people"]
    for name in arguments.empty:
        count = len(decode_bytes((arguments.clips / name).read_bytes()))
        found[name] = {number: [] for number in range(0, count, arguments.every)}
    return found


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of videos and their boxes.json")
    parser.add_argument("--empty", nargs="*", default=[], help="videos there that show nobody")
    parser.add_argument("--every", type=int, default=12, help="of their frames (default: %(default)s)")
    options.run(main, parser)
