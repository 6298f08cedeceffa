"""Clips -> training pairs, through the same cues, fusion and cutting as anonymization."""

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from operators.condition import Condition
from operators.conditioning.tube import cut
from operators.generation.rate import stride_of
from operators.recovery.fail_closed import Rejected
from operators.training.degrade import degrade_condition
from operators.training.synthetic_people import RenderedClip
from operators.video.decode import DecodeError, decode_clip
from schemas.clip import ClipRef, FailedClip
from schemas.conditioning import Conditioning, Tube
from schemas.pair import TrainingPair
from schemas.profile import Generator, Size

CONTINUED = 0.2  # share of the windows that start with known frames


def pairs_of_clip(
    ref: ClipRef, condition: Condition, settings: Generator, counts: Counter[str]
) -> list[TrainingPair]:
    """Whole windows of every tube of one clip; `counts` gets what became of it, by reason.

    Clips without people, and tubes shorter than a window, are skipped. Words are left empty: what the tube's prompt
    says is a look to be generated, not what this person wears.
    """
    try:
        found = condition.condition(ref)
    except DecodeError as error:
        counts[f"failed: {error.reason}"] += 1
        return []
    except Rejected:
        counts["skipped: somebody may be left"] += 1
        return []
    if isinstance(found, FailedClip):
        counts[f"failed: {found.reason}"] += 1
        return []
    if not found.evidence.people:
        counts["skipped: without people"] += 1
        return []
    frames = decode_clip(ref)
    pairs = [pair for tube in found.tubes for pair in _windows(found, tube, frames, settings)]
    counts["prepared" if pairs else "skipped: too short"] += 1
    return pairs


def _windows(clip: Conditioning, tube: Tube, frames: np.ndarray, settings: Generator) -> list[TrainingPair]:
    """Windows in steps without overlap, the later ones continued half the time as in generation, at its rate."""
    height, width = tube.generate.shape[1:]
    size, pairs = Size(height=height, width=width), []
    times = range(0, len(tube.boxes), stride_of(clip.ref.fps, settings.rate))
    for first in range(0, len(times) - settings.window + 1, settings.window):
        part = list(times[first : first + settings.window])
        real = [cut(frames[tube.first + t], tube.boxes[t], size, cv2.INTER_AREA) for t in part]
        pairs.append(
            TrainingPair(
                key=f"{clip.ref.key}-{tube.track}-{first}",
                variant=clip.evidence.variant,
                prompt="",
                target=np.stack(real),
                condition=tube.conditioning[part],
                mask=tube.generate[part],
                known=settings.overlap if first // settings.window % 2 else 0,
                people=len(clip.evidence.people),
                source_hmac=clip.ref.source_hmac,
            )
        )
    return pairs


def pair_of_people(
    sample: RenderedClip, variation: int, settings: Generator, seed: int, scenes: Sequence[RenderedClip] = ()
) -> TrainingPair:
    """One random variation of a rendered clip, from its ground truth, degraded; the same seed gives the same pair.

    Crops become tubes, one in ten of them in StructAll; whole scenes become StructAll frames. From the second
    variation on crops without occluders stand in front of an empty part of one of the `scenes`: a surrounding
    seen often would otherwise tell who stood there.
    """
    crop = sample.frames.shape[1] == sample.frames.shape[2]
    rng = np.random.default_rng([seed, variation, int(sample.key.rsplit("-", 1)[-1]), int(not crop)])
    scenery = None
    if crop and variation and scenes and not sample.occluders:
        scenery = scenery_of(scenes[int(rng.integers(len(scenes)))], len(sample.frames), rng)
    if scenery is not None:
        sample = sample.before(scenery)
    part = vary_crop(sample, rng, settings.tube) if crop else vary_scene(sample, rng, settings)
    structall = not crop or bool(scenery is None and rng.random() < 0.1)
    condition, mask = degrade_condition(part, rng, structall, settings.skeleton)
    return TrainingPair(
        key=f"{sample.key}-{variation}",
        variant="structall" if structall else "structhuman",
        prompt=sample.caption(),
        target=part.frames,
        condition=condition,
        mask=mask,
        known=settings.overlap if rng.random() < CONTINUED else 0,
        people=len(sample.people),
        source_hmac=sample.key,
    )


def scenery_of(scene: RenderedClip, frames: int, rng: np.random.Generator) -> np.ndarray | None:
    """uint8 [frames,128,128,3]: a random square of a scene in which nobody is, None if ten tries find none."""
    height, width = scene.frames.shape[1:3]
    for _ in range(10):
        side = int(rng.integers(96, height + 1))
        y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        if not scene.masks[:frames, y : y + side, x : x + side].any():
            return scene.window(0, frames).crop(x, y, side, side).resize(128, 128).frames
    return None


def vary_crop(sample: RenderedClip, rng: np.random.Generator, size: Size) -> RenderedClip:
    """A tube-shaped part of a square crop, around its middle, at a random scale, perhaps mirrored."""
    side = sample.frames.shape[1]
    high = int(rng.integers(side * 3 // 4, side + 1))
    wide = high * size.width // size.height
    x = int(np.clip(side / 2 - wide / 2 + rng.normal(0, 5), 0, side - wide))
    y = int(np.clip(side / 2 - high / 2 + rng.normal(0, 5), 0, side - high))
    part = sample.crop(x, y, wide, high).resize(size.height, size.width)
    return part.mirror() if rng.random() < 0.5 else part


def vary_scene(sample: RenderedClip, rng: np.random.Generator, settings: Generator) -> RenderedClip:
    """The first window of a whole scene at the size at which StructAll is generated."""
    height, width = sample.frames.shape[1:3]
    wide = min(width, height * settings.frame.width // settings.frame.height)
    part = sample.window(0, settings.window).crop((width - wide) // 2, 0, wide, height)
    part = part.resize(settings.frame.height, settings.frame.width)
    return part.mirror() if rng.random() < 0.5 else part
