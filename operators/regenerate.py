"""Regenerate: conditioning in, candidate clips out. Never sees a person's pixels."""

import hashlib
from time import perf_counter

import numpy as np
import pyarrow as pa

from operators.attempts import Attempts
from operators.composite import composite
from operators.encode import decode_bytes, encode_video
from operators.escalate import filled
from operators.fuse import GRAY
from operators.generate import VideoGenerator
from operators.outcome import each
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, Conditioning, FailedClip, QuarantinedClip
from schemas.profile import Profile


class Regenerate:
    """Every tube through the diffusion backbone, pasted into the background, encoded.

    A clip without people has no tubes: it costs no diffusion call, only the encoding; nor does one whose people are
    filled with gray, as the last rung of the policy's ladder. The first `overlap`
    frames of the window were context; only the others are encoded.
    """

    def __init__(self, profile: Profile, attempts: Attempts | None = None) -> None:
        settings, pool = profile.generator, profile.pools.regenerate
        self.profile = profile
        self.attempts = attempts or Attempts(profile.clip.max_seconds)
        self.generator = VideoGenerator(
            settings.weights,
            steps=settings.steps,
            guidance=settings.guidance,
            flow_shift=settings.flow_shift,
            window=settings.window,
            overlap=settings.overlap,
            adapter=settings.adapter,
            device=pool.device,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = from_table(batch, Conditioning, QuarantinedClip, FailedClip)
        done = each("regenerate", self.regenerate, rows, self.attempts)
        return to_table(done, CandidateClip, QuarantinedClip, FailedClip)

    def regenerate(self, clip: Conditioning) -> CandidateClip:
        """One clip. Raises ValueError if anything of the mask stays uncovered or a generated frame is not finite."""
        start, calls = perf_counter(), self.generator.calls
        generated = [
            np.full_like(tube.conditioning, GRAY)
            if filled(clip.steps)
            else self.generator(tube.conditioning, tube.generate, tube.prompt, tube.seed)
            for tube in clip.tubes
        ]
        calls, generate_end = self.generator.calls - calls, perf_counter()
        background = (
            decode_bytes(clip.background)
            if clip.background
            else np.full((*clip.mask.shape, 3), 128, np.uint8)
        )
        frames = composite(background, clip.mask, clip.tubes, generated)
        ref, new = clip.ref, slice(clip.ref.overlap, None)
        video = encode_video(
            frames[new],
            ref.pts[new],
            ref.time_base,
            ref.fps,
            crf=self.profile.encoding.crf,
            preset=self.profile.encoding.preset,
        )
        seeds = ",".join(str(tube.seed) for tube in clip.tubes)
        return CandidateClip(
            ref=ref,
            variant=clip.variant,
            video=video,
            preview=clip.preview,
            mask=clip.mask[new],
            body=clip.body[new],
            people=clip.people,
            tracks=len(clip.tubes),
            diffusion_calls=calls,
            seed_commitment=hashlib.sha256(seeds.encode()).hexdigest(),
            gates=clip.gates,
            steps=clip.steps,
            seconds=clip.seconds
            | {"generate": generate_end - start, "composite": perf_counter() - generate_end},
        )
