"""Condition and Regenerate as far as an estimate asks them: without models, and what they take is known."""

from dataclasses import replace

import pyarrow as pa

from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning
from tests.operators.clips import SOMEBODY, evidence

ENDED = QuarantinedClip, FailedClip


class Conditioned:
    """One person in every clip, seen in half an hour."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, clips: pa.Table) -> pa.Table:
        seen = evidence(people=[SOMEBODY], seconds={"detect": 2000.0})
        made = [Conditioning(ref, seen, b"", [], [], []) for ref in from_table(clips, ClipRef)]
        return to_table(made, Conditioning, *ENDED)


class Regenerated:
    """And made anew in most of one more."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, clips: pa.Table) -> pa.Table:
        made = [
            CandidateClip(
                ref=clip.ref,
                evidence=replace(clip.evidence, seconds={"detect": 2000.0, "generate": 3000.0}),
                video=b"",
                regenerated=1,
                tracks=1,
                diffusion_calls=1,
                seed_commitment="s",
            )
            for clip in from_table(clips, Conditioning, *ENDED)
        ]
        return to_table(made, CandidateClip, *ENDED)
