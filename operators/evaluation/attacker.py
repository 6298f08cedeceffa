"""Who attacks what was measured: by looks, faces, gait, place and time, and by what they learn from the output."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from operators.evaluation.attacks import parrot, reversal
from operators.evaluation.attributes import attributes
from operators.evaluation.curves import sizes, spread
from operators.evaluation.figures import Figures, found_again, over, rank1
from operators.evaluation.interval import figure
from operators.evaluation.judges.bodies import Embedder
from operators.evaluation.looks import course, proportions, retargeted
from operators.evaluation.recognition import Search, cosines, nearness, search
from operators.evaluation.trained import train_on_output
from schemas.evaluation import (
    HEIGHTS,
    SOURCE,
    Attack,
    Glimpse,
    Look,
    Measured,
    Scene,
    Statistic,
)


class Attacker:
    """Looks and scenes of a dataset, and everything that is tried with them."""

    def __init__(self, measured: Iterable[Measured], embedders: Mapping[str, Embedder]) -> None:
        self.embedders = embedders
        self.looks: dict[str, list[Look]] = defaultdict(list)
        self.scenes: dict[str, list[Scene]] = defaultdict(list)
        self.glimpses: list[Glimpse] = []
        for one in measured:
            for look in one.looks:
                self.looks[look.method].append(look)
            for scene in one.scenes:
                self.scenes[scene.method].append(scene)
            self.glimpses += one.glimpses

    def trained(self, method: str) -> Figures:
        """What a detector and a tracker find in originals that learnt from this, over what those do that learnt from
        originals."""
        return {
            name: figure({source: (pair[0], pair[1]) for source, pair in by_source.items()}, False)
            for name, by_source in train_on_output(self.glimpses, method).items()
        }

    def identity(self, method: str) -> tuple[Figures, dict[str, Any]]:
        """By every embedder, body and head: likeness to oneself and to others, and R-1; and curves for the report.

        Where embedders differ, the figure without a name in brackets is that of the one that finds most.
        """
        queries, gallery = self.looks[method], self.looks[SOURCE]
        figures, curves = Figures(), dict[str, Any]()
        for part in ("body", "head"):
            best = -1.0
            for number, name in enumerate(self.embedders):
                scores = cosines(_vectors(queries, part, number), _vectors(gallery, part, number))
                found = search(queries, gallery, scores)
                own = found_again(part, found) | {
                    f"{part} likeness": over(found, lambda one: one.genuine, False),
                    f"{part} likeness of strangers": over(found, lambda one: one.impostor, False),
                    f"{part} told from strangers": over(found, lambda one: one.auc, True, 0.5),
                }
                figures |= {f"{key} ({name})": value for key, value in own.items()}
                most = own[f"{part} R-1"].value
                if most is not None and most > best:
                    best = most
                    figures |= own
                    figures |= _by_height(part, found)
                    curves[part] = spread(queries, gallery, scores) | {"embedder": name}
                    if part == "body":
                        curves |= sizes(found)
            if part == "body":
                figures |= self._clothes(queries, gallery)
        face, spread_of_faces = _by_face(queries, gallery)
        figures |= face
        curves |= {"face": spread_of_faces} if spread_of_faces else {}
        figures |= {
            "shuffled R-1": self._shuffled(queries, gallery),
            "attributes": self._attributes(queries, gallery),
        }
        return figures, curves

    def _clothes(self, queries: list[Look], gallery: list[Look]) -> Figures:
        scores = self._all(queries, gallery)
        return found_again("clothes-changing", search(queries, gallery, scores, "clothes"))

    def _shuffled(self, queries: list[Look], gallery: list[Look]) -> Statistic:
        """A control of the measure itself: the labels of the gallery dealt anew must give chance."""
        order = np.random.default_rng(0).permutation(len(gallery))
        scores = self._all(queries, gallery)
        return rank1(search(queries, gallery, scores[:, order]))

    def _all(self, queries: list[Look], gallery: list[Look]) -> np.ndarray:
        """float [Q,G]: mean cosine of all embedders."""
        vectors = [
            [_vectors(some, "body", i) for some in (queries, gallery)] for i in range(len(self.embedders))
        ]
        return np.asarray(np.mean([cosines(*pair) for pair in vectors], axis=0))

    def _attributes(self, queries: list[Look], gallery: list[Look]) -> Statistic:
        """Words for colours of hair, top, legs that are still the same."""
        originals = {(look.clip, look.person): attributes(look.picture) for look in gallery}
        by_source: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for look in queries:
            was = originals.get((look.clip, look.person))
            if was:
                same = [one == two for one, two in zip(was, attributes(look.picture), strict=True)]
                by_source[look.source][0] += sum(same)
                by_source[look.source][1] += len(same)
        words = np.array(list(originals.values())) if originals else np.zeros((0, 3))
        chance = None
        if len(words) > 1:
            pairs = [(a == b).mean() for i, a in enumerate(words) for b in words[:i]]
            chance = float(np.mean(pairs))
        return figure({source: (pair[0], pair[1]) for source, pair in by_source.items()}, True, chance)

    def attack(self, method: str, name: Attack) -> Figures:
        """What an attacker finds who does that."""
        queries, gallery = self.looks[method], self.looks[SOURCE]
        everything = np.stack([look.body.ravel() for look in gallery]) if gallery else np.zeros((0, 1))
        match name:
            case "parrot":
                return found_again(
                    "parrot", search(queries, gallery, cosines(parrot(queries, gallery), everything))
                )
            case "reversal":
                vectors, _ = reversal(queries, gallery, self.embedders)
                return found_again("reversal", search(queries, gallery, cosines(vectors, everything)))
            case "gait":
                return _by_gait(queries, gallery)
            case "linkage":
                return self._linkage(method, queries)

    def _linkage(self, method: str, queries: list[Look]) -> Figures:
        """Published against published: the same person in other clips; and places against those of the sources."""
        bodies = (
            [np.stack([look.body.ravel() for look in queries])] * 2 if queries else [np.zeros((0, 1))] * 2
        )
        gaits = [np.array([look.gait for look in queries])] * 2
        return {
            **found_again("linked by looks", search(queries, queries, cosines(*bodies), "elsewhere")),
            **found_again("linked by gait", search(queries, queries, nearness(*gaits), "elsewhere")),
            "place R-1": _told(
                self.scenes[method], self.scenes[SOURCE], lambda a, b: float(a.place @ b.place)
            ),
            "timestamps R-1": _told(self.scenes[method], self.scenes[SOURCE], _in_time),
        }


def _by_face(queries: Sequence[Look], gallery: Sequence[Look]) -> tuple[Figures, dict[str, Any]]:
    """Of everybody whose face is seen in the source: R-1, and cosines to oneself and to others where one is shown; and
    how those are spread."""
    known = [look for look in gallery if np.isfinite(look.face).all()]
    if not known:
        return {}, {}
    nothing = np.full(known[0].face.shape, np.nan)
    shown = [look.face if np.isfinite(look.face).all() else nothing for look in queries]
    vectors = np.stack([look.face for look in known])
    scores = cosines(np.array(shown).reshape(-1, len(nothing)), vectors)
    found = search(queries, known, scores)
    figures = found_again("face", found) | {
        "face likeness": over(found, lambda one: one.genuine, False),
        "face likeness of strangers": over(found, lambda one: one.impostor, False),
    }
    return figures | _by_height("face", found), spread(queries, known, scores)


def _by_height(part: str, found: Sequence[Search]) -> Figures:
    """R-1 of those who are so tall in px."""
    return {
        f"{part} R-1, {name}": rank1([one for one in found if low <= one.height < high])
        for name, (low, high) in HEIGHTS.items()
    }


def _vectors(some: Sequence[Look], part: str, number: int) -> np.ndarray:
    return np.stack([getattr(look, part)[number] for look in some]) if some else np.zeros((0, 1))


def _by_gait(queries: Sequence[Look], gallery: Sequence[Look]) -> Figures:
    """By proportions and stride, and by the course of the joints: as they are, and of bodies that are all the same."""
    figures = Figures()
    for name, of in (("", lambda look: (look.gait, look.motion)), ("retargeted ", _retargeted)):
        both = [[of(look) for look in some] for some in (queries, gallery)]
        for number, what in enumerate(("proportions and stride", "motion")):
            vectors = [np.array([one[number] for one in some]) for some in both]
            figures |= found_again(f"{name}{what}", search(queries, gallery, nearness(*vectors)))
    known = [look for look in gallery if np.isfinite(look.outline).all()]
    if known:
        nothing = np.full(known[0].outline.shape, np.nan)
        outlines = [look.outline if np.isfinite(look.outline).all() else nothing for look in queries]
        shown = np.array(outlines).reshape(-1, len(nothing))
        scores = cosines(shown, np.stack([look.outline for look in known]))
        figures |= found_again("outlines", search(queries, known, scores))
    return figures


def _retargeted(look: Look) -> tuple[np.ndarray, np.ndarray]:
    joints = retargeted(look.motion.reshape(-1, 17, 2))
    return proportions(joints), course(joints)


def _told(
    shown: Sequence[Scene], known: Sequence[Scene], alike: Callable[[Scene, Scene], float]
) -> Statistic:
    """How often the source of a clip is told by what is `alike`. Ties count as a coin would decide them."""
    by_source: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in shown:
        scores = np.array([alike(one, other) for other in known])
        best = scores >= scores.max(initial=-np.inf)
        right = [other.source == one.source for other, first in zip(known, best, strict=True) if first]
        by_source[one.source][0] += float(np.mean(right)) if right else 0.0
        by_source[one.source][1] += 1
    owners = [one.source for one in known]
    chance = sum((owners.count(one) / len(owners)) ** 2 for one in set(owners)) if owners else None
    return figure({source: (pair[0], pair[1]) for source, pair in by_source.items()}, True, chance)


def _in_time(one: Scene, two: Scene) -> float:
    """Minus the largest difference of two clips' timestamps, to a tenth of a millisecond; of other lengths none is."""
    if len(one.times) != len(two.times):
        return -np.inf
    return -round(float(np.abs(one.times - two.times).max(initial=0.0)), 4)
