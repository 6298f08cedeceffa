"""Calibration of the re-identification gate: `python -m benchmarks.likeness --people PEOPLE`.

How alike are two pictures of the same person, of one person in other clothes, and of people who are known to differ?
The policy's thresholds lie above most of the last. All are of people that the network has not learnt from.
"""

from argparse import ArgumentParser, Namespace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from jobs.train_likeness import read_looks
from operators.models.witnesses.reid import Likeness
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile

KINDS = ("the same moment, blurred", "another moment", "other clothes", "somebody else")


def main(options: Namespace) -> None:
    """Print a row per kind of pair, for bodies and heads."""
    likeness = Likeness(load(Profile, options.profile).likeness.weights)
    gates = load(Policy, options.policy).gates
    looks = {**read_looks(options.people, "crops-val*.tar"), **read_looks(options.people, "street-val*.tar")}
    print(f"{len(looks)} looks of {len({identity for identity, _ in looks})} people\n")
    for part, (name, limit) in enumerate((("body", gates.body_likeness), ("head", gates.head_likeness))):
        found = scores(likeness, looks, part)
        print(f"{name}: share at or above the policy's {limit}; quantiles 5, 50, 95, 99 %; pairs")
        for kind in KINDS:
            values = np.array(found[kind])
            quantiles = "  ".join(f"{value:5.2f}" for value in np.quantile(values, [0.05, 0.5, 0.95, 0.99]))
            print(f"  {kind:26} {(values >= limit).mean():5.3f}   {quantiles}   {len(values)}")


def scores(likeness: Likeness, looks: dict, part: int) -> dict[str, list[float]]:
    """Cosines by kind of pair."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    pictures = {who: [pair[part] for pair in pairs] for who, pairs in looks.items()}
    vectors = {who: likeness.embed(shown) for who, shown in pictures.items()}
    for who, shown in pictures.items():
        blurred = likeness.embed([cv2.GaussianBlur(picture, (0, 0), 4) for picture in shown])
        found[KINDS[0]] += list((vectors[who] * blurred).sum(1))
        found[KINDS[1]] += [float(one @ two) for one, two in combinations(vectors[who], 2)]
    for who, other in combinations(vectors, 2):
        if who[1] != other[1]:
            kind = KINDS[2] if who[0] == other[0] else KINDS[3]
            found[kind].append(float(vectors[who][0] @ vectors[other][-1]))
    return found


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--profile", default="cluster/profiles/embedded.yaml")
    parser.add_argument("--policy", default="cluster/policies/driving.yaml")
    main(parser.parse_args())
