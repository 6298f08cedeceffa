"""Regenerate: conditioning in, candidate clips out. Never sees a person's pixels."""

import hashlib
import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from operators.actor.compose import See
from operators.conditioning.doubles import everybody
from operators.generation.act import act_before_plate, act_in_scene
from operators.generation.build import Generator, build_generator
from operators.generation.composite import composite
from operators.generation.labels import Labelling
from operators.generation.rate import restored, shown, stride_of, thinned
from operators.generation.windows import count_windows
from operators.models.runtime.threads import use_threads
from operators.recovery.attempts import Attempts, Unrecorded
from operators.recovery.fail_closed import each
from operators.stopwatch import Stopwatch
from operators.video.encode import decode_bytes, encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import filled
from schemas.clip import GRAY, CandidateClip, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning, Tube
from schemas.generation import Request
from schemas.profile import Profile

log = logging.getLogger("recast")
# Frames of each part of each tube or what was raised for it, and how many seconds that took.
Generated = tuple[list[list[np.ndarray | Exception]], float]


class Regenerate:
    """Every tube through the diffusion backbone, pasted into the background, encoded.

    A clip without people has no tubes: it costs no diffusion call, only the encoding; nor does one whose people are
    filled with gray, as the last rung of the policy's ladder, or came disguised, as a policy may have it. The first
    `overlap` frames of the window were context; only the others are encoded.

    Tubes of as many clips as the profile says are generated together. Whatever goes wrong with one is its own clip's; a
    clip whose worker died is from then on tried alone. Where the generator is on a GPU, clips are pasted and encoded
    `beside` it, on as many threads as the pool has, while the next are generated.
    """

    def __init__(
        self, profile: Profile, attempts: Attempts | None = None, generator: Generator | None = None
    ) -> None:
        self.profile, self.attempts = profile, attempts or Attempts(profile.clip.max_seconds)
        pool = profile.pools.regenerate
        use_threads(pool.threads)
        # Actors are drawn where the next are drawn, too: there is nothing to wait for.
        drawn = profile.generator.people == "actor"
        self.beside = pool.threads if pool.device.startswith("cuda") and not drawn else 0
        if generator or profile.generator.people != "actor":
            self.generator = generator or self._built()

    @cached_property
    def generator(self) -> Generator:
        """Loaded when it is first needed: where people are drawn few clips need it, and it takes five seconds."""
        return self._built()

    def _built(self) -> Generator:
        return build_generator(self.profile.generator, self.profile.pools.regenerate.device)

    def __call__(self, batch: pa.Table) -> pa.Table:
        if self.beside:
            return self._overlapped(batch)
        rows = _rows(batch)
        return self._finished(rows, self._begun(rows, 2))

    def _overlapped(self, batch: pa.Table) -> pa.Table:
        """What becomes of the clips, as many at a time as are generated together, each finished while the next are, and
        unpacked while those before it are: masks of a clip are nearly a gigabyte, which takes seconds.

        Only this thread asks the generator: what is not generated ahead is so when nothing else goes on. So a clip that
        ended its worker before ends no attempt at another.
        """
        finished: list[Future[pa.Table]] = []
        size = self.profile.generator.batch
        parts = [batch.slice(first, size) for first in range(0, max(1, len(batch)), size)]
        with ThreadPoolExecutor(self.beside) as threads:
            unpacked = threads.submit(_rows, parts[0])
            for following in [*parts[1:], None]:
                rows = unpacked.result()
                if following is not None:
                    unpacked = threads.submit(_rows, following)
                made = self._begun(rows, 1)
                if all(row.ref.clip_id in made or not self._wants(row) for row in rows):
                    wait(finished[: max(0, len(finished) + 1 - self.beside)])  # frames take memory
                    finished.append(threads.submit(self._finished, rows, made))
                else:
                    wait(finished)
                    finished.append(Future())
                    finished[-1].set_result(self._finished(rows, made))
        return pa.concat_tables([one.result() for one in finished])

    def _begun(self, rows: list[Any], least: int) -> dict[int, Generated]:
        """What is generated of the clips among the rows if those are as many as `least`."""
        return self._together([row for row in rows if isinstance(row, Conditioning)], least)

    def _finished(self, rows: list[Any], made: dict[int, Generated]) -> pa.Table:
        """What becomes of the rows, of what was `made` of them."""
        done = each(
            "regenerate", lambda clip: self.regenerate(clip, made.get(clip.ref.clip_id)), rows, self.attempts
        )
        return to_table(done, CandidateClip, QuarantinedClip, FailedClip)

    def _together(self, clips: list[Conditioning], least: int) -> dict[int, Generated]:
        """What is generated of several clips at once, by clip; a clip that is left out is generated on its own."""
        try:
            clips = [clip for clip in clips if self._fresh(clip)] if len(clips) >= least else []
            if len(clips) < least:
                return {}
            with self.attempts.attempt("regenerate", *(clip.ref.clip_id for clip in clips)):
                return self._generate(clips)
        except Unrecorded:
            raise
        except Exception as error:  # of all together: which clip it belongs to shows when they are alone
            log.warning("%d clips failed together: %s", len(clips), type(error).__name__)
            return {}

    def _fresh(self, clip: Conditioning) -> bool:
        """Whether a clip has anything to generate and no worker has died over it."""
        return self._wants(clip) and not self.attempts.ended_badly("regenerate", clip.ref.clip_id)

    def _wants(self, row: Any) -> bool:
        """Whether a row is a clip that has anything to generate."""
        return isinstance(row, Conditioning) and bool(row.tubes) and not filled(row.evidence.steps)

    def _generate(self, clips: list[Conditioning]) -> dict[int, Generated]:
        """The frames that the generator is shown; what lies between them is made where clips are finished."""
        clock = Stopwatch()
        asked = [[self._asked(clip, tube) for tube in clip.tubes] for clip in clips]
        results = iter(self.generator.together([one for tubes in asked for some in tubes for one in some]))
        made = [[list(islice(results, len(some))) for some in tubes] for tubes in asked]
        clock.lap("generate")
        share = clock.seconds["generate"] / max(1, sum(self._calls(clip) for clip in clips))
        return {
            clip.ref.clip_id: (tubes, share * self._calls(clip))
            for clip, tubes in zip(clips, made, strict=True)
        }

    def _asked(self, clip: Conditioning, tube: Tube) -> list[Request]:
        """What of a tube the generator is shown, as one video or several."""
        whole = Request(tube.conditioning, tube.generate, tube.prompt, tube.seed)
        return thinned(whole, self._parts(clip, tube))

    def _parts(self, clip: Conditioning, tube: Tube) -> list[list[int]]:
        """The tube's frames that the generator is shown, in one video or several."""
        settings = self.profile.generator
        stride, cuts = stride_of(clip.ref.fps, settings.rate), [first - tube.first for first, _ in clip.shots]
        return shown(len(tube.conditioning), stride, settings.between, cuts)

    def _calls(self, clip: Conditioning) -> int:
        """Windows that a clip takes."""
        settings = self.profile.generator
        tubes = [] if filled(clip.evidence.steps) else clip.tubes
        lengths = [len(part) for tube in tubes for part in self._parts(clip, tube)]
        return sum(count_windows(length, settings.window, settings.overlap) for length in lengths)

    def _whole(self, clip: Conditioning, made: list[list[np.ndarray | Exception]]) -> list[np.ndarray]:
        """Of each tube all its frames, though the generator was shown those of its parts only. Raises what was raised
        for one of them."""
        videos = []
        for tube, results in zip(clip.tubes, made, strict=True):
            video = restored(results, self._parts(clip, tube), len(tube.conditioning))
            if isinstance(video, Exception):
                raise video
            videos.append(video)
        return videos

    def regenerate(self, clip: Conditioning, made: Generated | None = None) -> CandidateClip:
        """One clip, of what was `made` of it beside others or is now. Raises what was raised for one of its tubes,
        and ValueError if anything of the mask stays uncovered."""
        anew = self._wants(clip)  # not so where there is nobody, or are drawn people alone
        parts, generate_seconds = (made or self._generate([clip])[clip.ref.clip_id]) if anew else ([], 0.0)
        clock = Stopwatch()
        gray = [np.full_like(tube.conditioning, GRAY) for tube in clip.tubes if not anew]
        generated = self._whole(clip, parts) if anew else gray
        labelling = Labelling(clip.ref.overlap)
        video = self._video(clip, generated, labelling.see if clip.evidence.labelled else None)
        clock.lap("composite")
        seconds = {"generate": generate_seconds, **clock.seconds}
        seeds = ",".join(
            str(seed)
            for seed in [*(tube.seed for tube in clip.tubes), *(role.actor.seed for role in clip.roles)]
        )
        return CandidateClip(
            ref=clip.ref,
            evidence=replace(
                clip.evidence.without_overlap(clip.ref.overlap), seconds=clip.evidence.seconds | seconds
            ),
            video=video,
            regenerated=self._regenerated(clip),
            tracks=len(clip.tubes) + (len(clip.evidence.people) if self._draws(clip) else 0),
            diffusion_calls=self._calls(clip),
            seed_commitment=hashlib.sha256(seeds.encode()).hexdigest(),
            labels=labelling.numbered(),
        )

    def _regenerated(self, clip: Conditioning) -> int:
        """How many people are shown anew; StructAll makes all of them with the scene, an actor or not."""
        there = everybody(clip.evidence.people)
        if filled(clip.evidence.steps) or clip.evidence.treatment != "regenerate":
            return 0
        if clip.evidence.variant == "structall":
            return len(there)
        if self._draws(clip):
            return len(clip.roles)
        tubed = {tube.track for tube in clip.tubes}
        return len(there if 0 in tubed else there & tubed)  # 0 is the whole frame

    def _draws(self, clip: Conditioning) -> bool:
        """Whether people are drawn and have no tubes: StructAll's one tube is the whole frame."""
        anew = clip.evidence.treatment == "regenerate"
        return anew and self.profile.generator.people == "actor" and clip.evidence.variant == "structhuman"

    def _video(self, clip: Conditioning, generated: list[np.ndarray], see: See | None = None) -> bytes:
        """The released frames as mp4: what was `generated` for each tube, and the actors, before the background. `see`
        is told where each actor shows."""
        ref, new = clip.ref, slice(clip.ref.overlap, None)
        return encode_video(
            self._frames(clip, generated, see)[new],
            ref.moments(clip.evidence.timing),
            ref.time_base,
            ref.fps,
            crf=self.profile.encoding.crf,
            preset=self.profile.encoding.preset,
            sample_aspect=ref.sample_aspect,
        )

    def _frames(self, clip: Conditioning, generated: list[np.ndarray], see: See | None = None) -> np.ndarray:
        """uint8 [T,H,W,3] of the window."""
        evidence, anew = clip.evidence, clip.evidence.regenerated
        drawn = self.profile.generator.people == "actor" and not filled(evidence.steps)
        if evidence.variant == "structall":
            gray = np.full((*evidence.mask.shape, 3), GRAY, np.uint8)
            scene = composite(gray, anew, clip.tubes, generated)
            return act_in_scene(scene, evidence.mask, clip.roles, see) if drawn else scene
        background = decode_bytes(clip.background)
        if evidence.treatment != "regenerate":
            return background
        if self.profile.generator.people == "diffusion":
            return composite(background, anew, clip.tubes, generated)
        things = np.zeros_like(anew)
        for tube in clip.tubes:
            tube.masks.paste(things, tube.first)
        if drawn:
            masks = evidence.mask, evidence.body
            background = act_before_plate(background, *masks, clip.roles, clip.shots, _but(things, see))
        return composite(background, things, clip.tubes, generated)


def _rows(part: pa.Table) -> list[Any]:
    return from_table(part, Conditioning, QuarantinedClip, FailedClip)


def _but(things: np.ndarray, see: See | None) -> See | None:
    """The same without the pixels of `things` bool [T,H,W], which are pasted over whoever is drawn."""
    return see and (lambda t, one, shown, drawn: see(t, one, shown & ~things[t], drawn))
