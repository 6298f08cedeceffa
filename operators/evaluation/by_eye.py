"""Frames drawn for somebody's eyes, and what they saw: a bound that no detector has a part in."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from operators.evaluation.interval import figure
from operators.release.layout import source_of
from schemas.by_eye import ByEye
from schemas.errors import UserError
from schemas.evaluation import BY_EYE, Statistic

NAME = BY_EYE


@dataclass(frozen=True, order=True)
class Drawn:
    """A frame of a released clip."""

    key: str
    frame: int


def draw(clips: Mapping[str, int], count: int, seed: str) -> list[Drawn]:
    """`count` of the frames of all `clips`, key -> frames, each as likely as any other; all if there are fewer.

    The seed is the dataset's own digest: who draws again until the frames are kind draws the same ones. A larger sample
    holds every smaller one.
    """
    keys = sorted(clips)
    ends = np.array(list(accumulate(clips[key] for key in keys)), np.int64)
    total = int(ends[-1]) if len(ends) else 0
    numbers = random.Random(seed).sample(range(total), total)[:count]
    found = []
    for number in numbers:
        clip = int(np.searchsorted(ends, number, side="right"))
        found.append(Drawn(keys[clip], number - int(ends[clip] - clips[keys[clip]])))
    return found


def seen(labels: Sequence[ByEye], drawn: Iterable[Drawn], where: str) -> Statistic:
    """Share of the drawn frames in which somebody of the source is seen, with its interval over sources.

    Raises UserError that names the file `where`, unless each of them is labelled, once, and no other.
    """
    due, given = set(drawn), [Drawn(label.key, label.frame) for label in labels]
    if len(set(given)) != len(given) or set(given) != due:
        problem = (
            f"labels {len(set(given) & due)} of the {len(due)} frames that were drawn, {len(given)} in all"
        )
        remedy = "Look at every frame of the page that --draw wrote of this very dataset, and at no other"
        raise UserError(where, problem, remedy)
    by_source: dict[str, tuple[float, float]] = {}
    for label in labels:
        exposed, looked = by_source.get(source_of(label.key), (0.0, 0.0))
        by_source[source_of(label.key)] = exposed + label.exposed, looked + 1
    return figure(by_source)
