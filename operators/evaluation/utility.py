"""What can still be learnt from the output that could from the source?"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from operators.evaluation.before import Before
from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.warping import flow
from operators.models.boxes import best_pairs, box_iou
from operators.models.people.ensemble import People
from schemas.evaluation import size_of

_SURE, _SAME = 0.5, 0.5  # score of somebody who is there, and IoU of whom is found again
_JOINT, _NEAR = (
    0.3,
    0.1,
)  # score of a joint that is known, and share of the height within which it is found again
_PIXEL, _SHARE = 1.0, 0.1  # px, and share of the motion, by which flow may differ


def utility(
    output: np.ndarray, before: Before, people: list[People], judges: JudgeModels
) -> Iterator[tuple[str, float, float]]:
    """(name, numerator, denominator) of uint8 [T,H,W,3] frames, in which the judge sees `people` at `before.moments`.

    detector recall  of people whom the judge sees in the source, found there in the output (IoU 0.5)
    pose             of their joints, within a tenth of their height of where they were; who is not found counts
    flow             of pixels inside the mask, whose motion differs by at most 1 px or a tenth
    depth            rank correlation of depth, frame by frame
    masked           share of pixels that were made anew
    """
    some = output[before.moments]
    for was, found in zip(before.seen, people, strict=True):
        yield from still_there(was, found)
    for t, motion in before.flows.items():
        if before.mask[t].any():
            apart = np.linalg.norm(flow(output[t - 1], output[t]) - motion, axis=2)
            agree = apart <= np.maximum(_PIXEL, _SHARE * np.linalg.norm(motion, axis=2))
            yield "flow", float(agree[before.mask[t]].mean()), 1.0
    if judges.depth is not None and before.depth is not None:
        for was, now in zip(before.depth, judges.depth(some), strict=True):
            yield "depth", _rank_correlation(was[::4, ::4].ravel(), now[::4, ::4].ravel()), 1.0
    yield "masked", float(before.mask.sum()), float(before.mask.size)


def still_there(was: People, found: People) -> Iterator[tuple[str, float, float]]:
    """(name, numerator, denominator) of "detector recall", by height, too, and "pose", as in `utility`, of a frame."""
    sure = np.flatnonzero(was.scores >= _SURE)
    there = found.scores >= _SURE
    boxes, joints = found.boxes[there], found.keypoints[there]
    pairs = best_pairs(box_iou(was.boxes[sure], boxes), _SAME)
    yield "detector recall", float(len(pairs)), float(len(sure))
    for i, person in enumerate(sure):
        tall = was.boxes[person, 3] - was.boxes[person, 1]
        yield f"detector recall, {size_of(tall)}", float(i in pairs), 1.0
    right = total = 0
    for i, person in enumerate(sure):
        known = was.keypoints[person, :, 2] >= _JOINT
        total += int(known.sum())
        if i in pairs:
            tall = was.boxes[person, 3] - was.boxes[person, 1]
            apart = np.linalg.norm(joints[pairs[i], known, :2] - was.keypoints[person, known, :2], axis=1)
            right += int((apart <= _NEAR * tall).sum())
    yield "pose", float(right), float(total)


def _rank_correlation(one: np.ndarray, two: np.ndarray) -> float:
    """Spearman's, 0 where either is flat."""
    ranks = [rankdata(values) for values in (one, two)]
    return 0.0 if min(map(np.std, ranks)) == 0 else float(np.corrcoef(*ranks)[0, 1])
