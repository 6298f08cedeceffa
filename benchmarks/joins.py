"""Do people jump where one clip ends and the next begins? Change there against change within clips, and colours.

python -m benchmarks.joins --plan PLAN --output OUT

Compares where source and result differ, in every pair of neighbouring frames that were released: the mean change from
frame to frame, at joins and within clips, in levels, and by how much the mean colour there jumps; then how far the
colour of a source's clips drifts from its first one's, of which much is that people move. Where a source shows the very
same frame again, as a lossless video does that runs to and fro, `again` is how far the colour there is from that of the
first time, which is light alone, and how much two frames differ at a join over what they do within another clip, which
is the join alone. Needs the sources. With `identity.scope: video` in the policy
and jobs.follow before jobs.anonymize everybody has one look; without, joins are as unlike as two people are.
"""

import argparse
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import pairwise

import cv2
import numpy as np

from cluster.ledger.plans import Plan
from operators.release import reader
from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes
from schemas.arrow import from_table
from schemas.clip import ClipRef

CHANGED = 16  # levels by which a pixel is not the source's, through the codec
SMALLEST = 200  # px of such places


def released(plan: str, output: str) -> dict[str, list[tuple[ClipRef, str]]]:
    """By source the clips that were released, in order, and the shard of each."""
    files = Plan.of(plan).files()
    refs = {ref.clip_id: ref for table in reader.batches(files, ALL) for ref in from_table(table, ClipRef)}
    found: dict[str, list[tuple[ClipRef, str]]] = {}
    for row in reader.manifest(output, ["clip_id", "shard", "verdict"]).to_pylist():
        if row["verdict"] == "released":
            ref = refs[row["clip_id"]]
            found.setdefault(ref.uri, []).append((ref, row["shard"]))
    return {uri: sorted(clips, key=lambda one: one[0].first_frame) for uri, clips in found.items()}


ALL = list(ClipRef.__dataclass_fields__)


def different(output: np.ndarray, source: np.ndarray) -> np.ndarray:
    """bool [T,H,W]: where somebody was made anew."""
    apart = np.abs(output.astype(np.int16) - source).max(axis=-1) > CHANGED
    return np.stack(
        [cv2.morphologyEx(one.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) > 0 for one in apart]
    )


def change(frames: np.ndarray, where: np.ndarray) -> tuple[float, float] | None:
    """Of two frames uint8 [2,H,W,3]: mean change in levels, and of the mean colour, where either differs."""
    asked = where.any(axis=0)
    if asked.sum() < SMALLEST:
        return None
    before, after = (frame[asked].astype(float) for frame in frames)
    return float(np.abs(after - before).mean()), float(np.abs(after.mean(axis=0) - before.mean(axis=0)).max())


class Repeats:
    """Frames of a source that it shows more than once: the mean colour of whoever was made anew in them, and the change
    from one to the next, within clips and at joins."""

    def __init__(self) -> None:
        self.first: dict[bytes, np.ndarray] = {}
        self.apart: list[float] = []
        self.within: dict[frozenset[bytes], list[float]] = {}
        self.joins: list[tuple[frozenset[bytes], float]] = []

    def step(self, source: Iterable[bytes], changed: float, join: bool) -> None:
        """Two neighbouring frames by their digests, in either order, and the change in what was made of them."""
        key = frozenset(source)
        if join:
            self.joins.append((key, changed))
        else:
            self.within.setdefault(key, []).append(changed)

    def add(self, source: Sequence[bytes], frames: np.ndarray, where: np.ndarray) -> None:
        """A clip: its frames' digests, uint8 [T,H,W,3] of the result, and bool [T,H,W] where they differ."""
        for before, after, asked in zip(source, frames, where, strict=True):
            if asked.sum() >= SMALLEST:
                colour = after[asked].mean(axis=0)
                first = self.first.setdefault(before, colour)
                self.apart += [] if first is colour else [float(np.abs(colour - first).max())]

    def __str__(self) -> str:
        if not self.apart:
            return "-"
        told = f"{np.mean(self.apart):.1f}, at most {max(self.apart):.1f}, of {len(self.apart)}"
        both = [
            (changed, float(np.mean(self.within[key]))) for key, changed in self.joins if key in self.within
        ]
        at, inside = np.array(both).sum(axis=0) if both else (np.nan, np.nan)
        return f"{told}; {at / inside:.2f}, of {len(both)} joins"


def main() -> None:
    """Print a row for each source, and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plan", required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    print(
        "| source | joins | change within, levels | at joins | ratio | colour's jump within | at joins "
        "| drift | again |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    every: tuple[list, list] = [], []
    for number, clips in enumerate(released(arguments.plan, arguments.output).values(), start=1):
        within: list[tuple[float, float]] = []
        joins: list[tuple[float, float]] = []
        last, colours, same = None, [], Repeats()
        for ref, shard in clips:
            frames = decode_bytes(reader.members(arguments.output, shard, ref.key)["mp4"])
            source = decode_clip(ref)[ref.overlap :]
            where = different(frames, source)
            digests = [sha256(frame.tobytes()).digest() for frame in source]
            same.add(digests, frames, where)
            colours += [frames[where].mean(axis=0)] if where.sum() >= SMALLEST else []
            if last and last[0] == ref.first_frame + ref.overlap:
                pair = np.stack([last[1], frames[0]]), np.stack([last[2], where[0]])
                if found := change(*pair):
                    joins.append(found)
                    same.step((last[3], digests[0]), found[0], join=True)
            for i, j in pairwise(range(len(frames))):
                if found := change(frames[[i, j]], where[[i, j]]):
                    within.append(found)
                    same.step((digests[i], digests[j]), found[0], join=False)
            last = ref.first_frame + len(ref.pts), frames[-1], where[-1], digests[-1]
        drift = max((float(np.abs(one - colours[0]).max()) for one in colours), default=0.0)
        every[0].extend(within)
        every[1].extend(joins)
        print(row(str(number), within, joins, f"{drift:.1f} | {same}"))
    print(row("all", *every, " | "))


def row(name: str, within: list[tuple[float, float]], joins: list[tuple[float, float]], drift: str) -> str:
    """One line of the table."""
    inside, at = (
        np.array(one).reshape(-1, 2).mean(axis=0) if one else np.full(2, np.nan) for one in (within, joins)
    )
    figures = inside[0], at[0], at[0] / inside[0], inside[1], at[1]
    return f"| {name} | {len(joins)} | {' | '.join(f'{one:.2f}' for one in figures)} | {drift} |"


if __name__ == "__main__":
    main()
