"""Reads shards back and says what is wrong with them, and what is in them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import webdataset as wds

from operators.training.synthetic_people import RenderedClip, read_people
from schemas.errors import UserError

_VISIBLE = 2


@dataclass
class Findings:
    """Of the shards of one kind and split. `heights` in pixels; `seeds` are (what, seed) that it uses."""

    counts: Counter[str] = field(default_factory=Counter)
    heights: list[float] = field(default_factory=list)
    seeds: set[tuple[str, int]] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def add(self, clip: RenderedClip, facts: dict[str, Any]) -> None:
        """Look at one clip."""
        self.problems += [f"{clip.key}: {problem}" for problem in problems(clip, facts)]
        inside, near, visible = joints_in_mask(clip)
        people = len(clip.people)
        self.counts.update(
            {
                "clips": 1,
                "frames": len(clip.frames),
                "people": people,
                f"clips with {people} people": 1,
                "clips with an occluder": int(clip.occluders),
                "visible joints": visible,
                "visible joints in their person's mask": inside,
                "visible joints within a pixel of it": near,
            }
        )
        self.heights += [height for person in clip.people for height in person["height_px"] or []]
        self.seeds.add(("scene", facts["scene_seed"]))
        for person in clip.people:
            self.seeds |= {("identity", person["identity_seed"]), ("outfit", person["outfit_seed"])}

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Names and values for a table."""
        yield from sorted(self.counts.items())
        yield "identities", sum(what == "identity" for what, _ in self.seeds)
        if self.heights:
            low, middle, high = np.percentile(self.heights, [1, 50, 99])
            yield "height, px: 1 %, median, 99 %", f"{low:.0f}, {middle:.0f}, {high:.0f}"
        yield "problems", len(self.problems)


def check(folder: Path) -> dict[str, Findings]:
    """By "crops-train" and so on. Seeds that two splits share are problems of both. Raises UserError without shards."""
    shards = sorted(folder.glob("*-*.tar"))
    if not shards:
        raise UserError(str(folder), "holds no shards", "Make some with python -m jobs.render_people crops")
    found: dict[str, Findings] = defaultdict(Findings)
    for shard in shards:
        group = found["-".join(shard.stem.split("-")[:2])]
        for clip, facts in zip(read_people(folder, shard.name), _facts(shard), strict=True):
            group.add(clip, facts)
    for name, group in found.items():
        for other, others in found.items():
            if name.split("-")[1] != other.split("-")[1] and (shared := group.seeds & others.seeds):
                group.problems.append(f"{name} shares {len(shared)} seeds with {other}: {sorted(shared)[:3]}")
    return dict(found)


def problems(clip: RenderedClip, facts: dict[str, Any]) -> list[str]:
    """Where a clip's arrays and its JSON do not fit together."""
    count, (width, height) = facts["frames"], facts["size"]
    shape = (count, height, width)
    found = [
        f"{name} have shape {array.shape}"
        for name, array, wanted in (
            ("frames", clip.frames, (*shape, 3)),
            ("masks", clip.masks, shape),
            ("depth", clip.depth, shape),
            ("keypoints", clip.keypoints, (count, len(clip.people), 17, 3)),
        )
        if array.shape != wanted
    ]
    if not np.isfinite(clip.keypoints).all():
        found.append("keypoints are not finite")
    if not np.isin(clip.keypoints[..., 2], (0, 1, 2)).all():
        found.append("keypoints with a visibility that is none")
    if clip.masks.max(initial=0) > len(clip.people):
        found.append("masks of more people than there are")
    for number, person in enumerate(clip.people, 1):
        if (clip.masks == number).any((1, 2)).sum() != person["frames_visible"]:
            found.append(f"frames_visible of person {number} is not what the masks say")
    return found


def joints_in_mask(clip: RenderedClip) -> tuple[int, int, int]:
    """How many visible joints are in their person's mask, within a pixel of it, and in all."""
    inside = near = 0
    visible = np.argwhere(clip.keypoints[..., 2] == _VISIBLE)
    for t, person, joint in visible:
        x, y = clip.keypoints[t, person, joint, :2].astype(int)
        own = clip.masks[t] == person + 1
        inside += bool(own[y, x])
        near += bool(own[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any())
    return inside, near, len(visible)


def _facts(shard: Path) -> Iterator[dict[str, Any]]:
    """The whole JSON of every clip, of which `read_people` keeps what training needs."""
    for sample in wds.WebDataset(str(shard), shardshuffle=False):
        yield json.loads(sample["json"])
