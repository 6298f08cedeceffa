"""Measure: a source in, all that is compared of it out. Reads originals and what was made of them, side by side."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from operators.condition import Condition
from operators.conditioning.identity import scope_of
from operators.evaluation.before import Before, before
from operators.evaluation.beside.compared import Beside
from operators.evaluation.exposure import EXPOSED, exposure
from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.looks import looks, scene
from operators.evaluation.quality import quality
from operators.evaluation.store import Store
from operators.evaluation.trained import glimpses, places
from operators.evaluation.utility import utility
from operators.evaluation.who import who
from operators.generation.disguise import disguised
from operators.models.people.ensemble import People
from operators.recovery.escalation import Ladder
from operators.release import reader
from operators.release.attestation import sha256
from operators.release.layout import RECORD, VIDEO
from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes, encode_video
from schemas.certificate import Step
from schemas.clip import ClipRef, Evidence
from schemas.evaluation import (
    BESIDE_SOURCE,
    CONTROL,
    RECAST,
    SOURCE,
    Glimpse,
    Judges,
    Look,
    Measured,
    Ratio,
    Scene,
    size_of,
)
from schemas.policy import Policy
from schemas.profile import Profile

log = logging.getLogger("recast")
Counted = Iterator[tuple[str, float, float]]  # name, numerator, denominator
Parts = tuple[list[Ratio], list[Look], list[Scene], list[Glimpse]]
_SURE = 0.5  # of somebody whom the judge sees


@dataclass(frozen=True)
class Places:
    """Where everything lies: plan and dataset, and ground truth if there is any."""

    plan: str
    output: str
    truth: str = ""


class CertifiedSteps(Ladder):
    """The steps that a clip's certificate names, so that its masks are made again as they were."""

    def __init__(self) -> None:
        super().__init__()
        self.certified: list[Step] = []

    def steps(self, clip_id: int) -> list[Step]:
        """Whatever clip: one is asked at a time."""
        return self.certified


class Exchanged(Exception):
    """A clip in the dataset is another one than its manifest has: what is measured is signed."""


class Measure:
    """Every released clip of a source against its original, beside baselines on the masks that were used for it.

    The masks are made again, by the run's own models and settings. A clip that cannot be measured is listed as such,
    with what was raised, never left out.
    """

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        release_key: bytes,
        judges: Judges,
        methods: Sequence[str],
        places: Places,
        store: Store,
        models: JudgeModels | None = None,
        condition: Condition | None = None,
    ) -> None:
        self.profile, self.methods, self.places, self.store = profile, methods, places, store
        self.identity = policy.identity
        self.ladder = CertifiedSteps()
        self.condition = condition or Condition(profile, policy, release_key, ladder=self.ladder)
        self.condition.ladder = self.ladder
        self.models = models or JudgeModels.load(judges, profile.pools.audit.device)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Measure the released clips `clips` of `source`, each with its key, its shard and the sha256 of its video and
        record, and write that down. Raises Exchanged."""
        refs = reader.references(self.places.plan, {clip["key"] for clip in row["clips"]})
        ratios: list[Ratio] = []
        seen: list[Look] = []
        scenes: list[Scene] = []
        shown: list[Glimpse] = []
        lost = []
        for clip in row["clips"]:
            try:
                held = reader.members(self.places.output, clip["shard"], clip["key"])
                due = {VIDEO: clip["sha256"], RECORD: clip["record_sha256"]}
                if any(sha256(held.get(name, b"")) != digest for name, digest in due.items()):
                    raise Exchanged(f"clip {clip['key']} is not what was released")
                found = self.clip(refs[clip["key"]], held)
            except Exchanged:
                raise
            except Exception as error:  # whatever it is, it is said; a message may quote names
                log.error("clip %s not measured: %s", clip["key"], type(error).__name__)
                lost.append(f"{clip['key']}: {type(error).__name__}")
                continue
            ratios, seen = ratios + found[0], seen + found[1]
            scenes, shown = scenes + found[2], shown + found[3]
        clips = [clip["key"] for clip in row["clips"]]
        self.store.write(Measured(row["source"], clips, lost, ratios, seen, scenes, shown))
        return {"source": row["source"]}

    def clip(self, ref: ClipRef, held: Mapping[str, bytes]) -> Parts:
        """One released clip, by each method."""
        frames, output = decode_clip(ref)[ref.overlap :], decode_bytes(held[VIDEO])
        if output.shape != frames.shape:
            raise ValueError(f"{output.shape} was made of {frames.shape}")
        evidence = self._evidence(ref, held[RECORD])
        mask = evidence.regenerated
        scope = scope_of(ref, self.identity)
        somebody = who(ref, evidence, self.places.truth, scope)
        source = before(frames, mask, somebody, self.models)
        name, where, times = (ref.key.rpartition("-")[0], ref.key), places(source), _times(ref)
        ratios: list[Ratio] = []
        seen = looks(SOURCE, name, frames, source, source.seen, self.models, scope)
        real = Beside.of(frames, source, self.models, float(ref.fps))
        scenes = [scene(SOURCE, name, frames, source, times)]
        shown = glimpses(SOURCE, name, frames, where)
        for method in (RECAST, CONTROL, *self.methods):
            made = output if method == RECAST else self._baseline(method, ref, frames, mask)
            people = self.models.people(made[source.moments])
            beside = Beside.of(made, source, self.models, float(ref.fps)).compared(real)
            ratios += self._ratios(method, ref.key, made, source, people, beside)
            seen += looks(method, name, made, source, people, self.models, scope)
            published = _published(held[RECORD]) if method == RECAST else times
            scenes.append(scene(method, name, made, source, published))
            shown += glimpses(method, name, made, where)
        return ratios, seen, scenes, shown

    def _evidence(self, ref: ClipRef, record: bytes) -> Evidence:
        self.ladder.certified = [Step(**step) for step in json.loads(record)["certificate"]["steps"]]
        conditioned = self.condition.condition(ref)
        evidence: Evidence | None = getattr(conditioned, "evidence", None)
        if evidence is None:
            raise ValueError("no masks")
        return evidence.without_overlap(ref.overlap)

    def _baseline(self, method: Any, ref: ClipRef, frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Encoded as a release is, or its noise would tell."""
        encoding, pts = self.profile.encoding, ref.moments("source")
        made = frames if method == CONTROL else disguised(method, frames, mask)
        return decode_bytes(encode_video(made, pts, ref.time_base, ref.fps, encoding.crf, encoding.preset))

    def _ratios(
        self, method: str, clip: str, made: np.ndarray, source: Before, people: list[People], beside: Counted
    ) -> list[Ratio]:
        """All that is counted, added up over the clip; of what is compared with the source, the means of a clip."""
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        times = Counter[str]()
        counted = (
            exposed(made, source, bool(self.places.truth)),
            quality(made, source),
            utility(made, source, people, self.models),
            beside,
        )
        for name, numerator, denominator in chain(*counted):
            sums[name][0] += numerator
            sums[name][1] += denominator
            times[name] += 1
        share = {name: 1 / times[name] if name in BESIDE_SOURCE else 1.0 for name in sums}
        return [
            Ratio(method, name, clip, share[name] * made, share[name] * of)
            for name, (made, of) in sums.items()
        ]


def _times(ref: ClipRef) -> np.ndarray:
    """float64 [T]: seconds from a clip's first released frame, as the source has them."""
    return np.array([float(moment * ref.time_base) for moment in ref.moments("source")])


def _published(record: bytes) -> np.ndarray:
    """The same, as the dataset says."""
    held = json.loads(record)
    return np.array(held["timestamps"], float) * held["time_base"][0] / held["time_base"][1]


def exposed(made: np.ndarray, source: Before, truth: bool) -> Iterator[tuple[str, float, float]]:
    """Exposed person-frames and original pixels, by height: of ground truth in every frame, else of whom the judge
    sees in some."""
    frames, masks = source.frames, source.somebody.masks
    if not truth:
        made, frames = made[source.moments], frames[source.moments]
        masks = np.stack([_painted(people, frames.shape[1:3]) for people in source.seen])
    for _, _, height, pixels, original in exposure(made, frames, masks):
        size = size_of(height)
        for name in ("all heights", size):
            yield f"exposed, {name}", float(original > EXPOSED * pixels), 1.0
        for name in ("original pixels", f"original pixels, {size}"):
            yield name, float(original), float(pixels)


def _painted(people: People, size: tuple[int, int]) -> np.ndarray:
    masks = np.zeros(size, np.int32)
    for number in np.flatnonzero(people.scores >= _SURE):
        masks[people.masks[number].within(0, 0, *size)] = number + 1
    return masks
