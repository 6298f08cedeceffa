"""Does the written video fit its source, and does it hold nothing else? From its bytes."""

from collections.abc import Set

import numpy as np

from operators.release.c2pa_mark import faults
from operators.video.encode import ContainerFacts, due_last, inspect_video
from operators.video.mp4_boxes import C2PA
from schemas.certificate import Gate, Timing
from schemas.clip import CandidateClip, ClipRef


def container(clip: CandidateClip, marked: bool) -> list[Gate]:
    """Frames, timestamps, size and content of the mp4; that it is marked as generated, if it is to be."""
    facts, allowed = inspect_video(clip.video), {C2PA} if marked else set()
    return [
        *([_marked(clip)] if marked else []),
        *_accounting(clip.ref, clip.evidence.timing, facts),
        nothing_else("container", facts, allowed),
    ]


def nothing_else(name: str, facts: ContainerFacts, allowed: Set[str] = frozenset()) -> Gate:
    """One video stream, no tag, and no box but those `allowed` beside what an mp4 needs."""
    boxes = set(facts.boxes) - allowed
    count = len(facts.streams) - (facts.streams == ["video"]) + len(facts.tags) + len(boxes)
    return Gate.at_most(name, count, 0)


def _marked(clip: CandidateClip) -> Gate:
    wrong = faults(clip.video, clip.evidence.variant)
    return Gate.at_most("mark", len(wrong), 0)


def _accounting(ref: ClipRef, timing: Timing, facts: ContainerFacts) -> list[Gate]:
    wanted = ref.moments(timing)
    late = [
        abs((pts - facts.pts[0]) * facts.time_base - want * ref.time_base)
        for pts, want in zip(facts.pts, wanted, strict=False)
    ]
    last = np.nan if facts.last is None else float(facts.last - due_last(ref.fps, ref.time_base))
    most, other = (
        float(max(late, default=np.nan)) + abs(last) * float(facts.time_base),
        abs(facts.width - ref.width)
        + abs(facts.height - ref.height)
        + abs(float(facts.sample_aspect - ref.sample_aspect)),
    )
    return [
        Gate.at_most("frames", abs(len(facts.pts) - len(wanted)), 0),
        Gate.at_most("timestamps", most, 0),
        Gate.at_most("size", other, 0),
    ]
