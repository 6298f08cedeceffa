"""Shards of synthetic people with their ground truth: what the embedded models learn from and are measured on."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import webdataset as wds

from operators.video.encode import decode_bytes
from schemas.errors import UserError

MIRRORED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]  # COCO joints, left and right swapped


@dataclass(frozen=True)
class RenderedClip:
    """One rendered clip.

    frames uint8 [T,H,W,3]; masks uint8 [T,H,W], 0 background, i+1 is `people[i]`; keypoints float32 [T,P,17,3]
    COCO with visibility 0 outside, 1 hidden, 2 visible; depth uint8 [T,H,W], inverse, 255 is `near` metres and
    0 is 60 m or beyond.
    """

    key: str
    frames: np.ndarray
    masks: np.ndarray
    keypoints: np.ndarray
    depth: np.ndarray
    people: list[dict[str, Any]]
    near: float = 1.0
    occluders: bool = False  # things that may stand in front of somebody

    def window(self, first: int, count: int) -> "RenderedClip":
        """`count` frames from `first` on."""
        part = slice(first, first + count)
        return replace(
            self,
            frames=self.frames[part],
            masks=self.masks[part],
            keypoints=self.keypoints[part],
            depth=self.depth[part],
        )

    def crop(self, x: int, y: int, width: int, height: int) -> "RenderedClip":
        """The rectangle at (x, y); keypoints outside it lose their visibility."""
        part = np.s_[:, y : y + height, x : x + width]
        points = self.keypoints - np.array([x, y, 0], np.float32)
        outside = (
            (points[..., 0] < 0)
            | (points[..., 0] >= width)
            | (points[..., 1] < 0)
            | (points[..., 1] >= height)
        )
        points[outside, 2] = 0
        return replace(
            self, frames=self.frames[part], masks=self.masks[part], depth=self.depth[part], keypoints=points
        )

    def resize(self, height: int, width: int) -> "RenderedClip":
        """Scaled to height x width pixels."""
        scale = np.array([width / self.frames.shape[2], height / self.frames.shape[1], 1], np.float32)
        smooth = cv2.INTER_AREA if height <= self.frames.shape[1] else cv2.INTER_CUBIC

        def scaled(array: np.ndarray, interpolation: int) -> np.ndarray:
            return np.stack(
                [cv2.resize(frame, (width, height), interpolation=interpolation) for frame in array]
            )

        return replace(
            self,
            frames=scaled(self.frames, smooth),
            masks=scaled(self.masks, cv2.INTER_NEAREST),
            depth=scaled(self.depth, smooth),
            keypoints=self.keypoints * scale,
        )

    def caption(self) -> str:
        """What the main person looks like and wears, in the words of the shards: phrases between commas."""
        if not self.people:
            return "no people"
        looks = self.people[0]["looks"]
        return ", ".join([f"{looks['skin']} skin", looks["hair"], *self.people[0]["garments"].values()])

    def before(self, scenery: np.ndarray) -> "RenderedClip":
        """The people cut out and put in front of scenery uint8 [T,H,W,3]."""
        return replace(self, frames=np.where(self.masks[..., None] > 0, self.frames, scenery))

    def mirror(self) -> "RenderedClip":
        """Left and right swapped, in the picture and in the names of the joints."""
        swapped = self.keypoints[:, :, MIRRORED].copy()
        swapped[..., 0] = self.frames.shape[2] - swapped[..., 0]
        return replace(
            self,
            frames=self.frames[:, :, ::-1],
            masks=self.masks[:, :, ::-1],
            depth=self.depth[:, :, ::-1],
            keypoints=swapped,
        )


def read_people(folder: Path, pattern: str) -> Iterator[RenderedClip]:
    """Samples of the shards in `folder` whose names match, in order. Raises UserError if none does."""
    shards = [str(path) for path in sorted(folder.glob(pattern))]
    if not shards:
        raise UserError(
            str(folder), f"holds no {pattern}", "Give the folder of the synthetic people's shards"
        )
    for sample in wds.WebDataset(shards, shardshuffle=False):
        facts = json.loads(sample["json"])
        yield RenderedClip(
            key=sample["__key__"],
            frames=decode_bytes(sample["mp4"]),
            masks=np.load(io.BytesIO(sample["masks.npz"]))["masks"],
            keypoints=np.load(io.BytesIO(sample["keypoints.npy"])),
            depth=decode_bytes(sample["depth.mp4"])[..., 0],
            people=facts["people"],
            near=float(facts["depth"]["near_m"]),
            occluders=bool(facts["occluders"]),
        )
