"""What the gates catch, and what a blur script publishes: `python -m benchmarks.leaks --people PEOPLE`.

Into clips of synthetic streets with perfect ground truth a fault is put that would leak, one at a time, behind the back
of the stage that should have prevented it. Then the stages run as in a job, without the ladder's second tries. Printed
for each fault: in how many clips it was caught, that is mended before release or held back with the clip; by which
gates; and in how many it was released. Beside it what a script publishes that blurs where the same models with the same
fault see people, keeps a frame as it is when something fails, and copies the container as ffmpeg does by default: of
faults of the masks measured in its output, of the others by construction all.
"""

import io
import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch

from jobs import options
from operators.audit import Audit, Provenance
from operators.condition import Condition
from operators.conditioning.track import track_people
from operators.planning.probe import plan_source
from operators.regenerate import Regenerate
from operators.training.synthetic_people import RenderedClip, read_people
from operators.video.encode import decode_bytes, encode_video
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from schemas.cues import InstanceMasks, PoseDetections
from schemas.track import union

PLATE, SHIFT = "KA JR 471", 24  # px
ENDED = (QuarantinedClip, FailedClip)


class Leaks:
    """The stages, and each fault as a function of a clip that gives its outcome and whether somebody blurring leaks."""

    def __init__(self, arguments: Namespace) -> None:
        self.profile, self.policy = options.read_settings(arguments)
        self.condition = Condition(self.profile, self.policy, b"key")
        self.regenerate = Regenerate(self.profile)
        self.audit = Audit(self.profile, self.policy, Provenance("w", "c"))
        self.folder = Path(tempfile.mkdtemp())
        self.before: CandidateClip | None = None  # the sound candidate of another clip

    def reference(self, sample: RenderedClip, frames: np.ndarray) -> ClipRef:
        """A clip of these frames, planned from a file."""
        path = self.folder / f"{sample.key}.mp4"
        path.write_bytes(
            encode_video(frames, list(range(len(frames))), Fraction(1, 12), Fraction(12), 12, "veryfast")
        )
        return plan_source(str(path), path.name, b"key", self.profile.clip)[0]

    def candidate(self, ref: ClipRef) -> Conditioning | CandidateClip | QuarantinedClip | FailedClip:
        """Through Condition and Regenerate."""
        table = self.condition(to_table([ref], ClipRef))
        (clip,) = from_table(self.regenerate(table), CandidateClip, *ENDED)
        return clip

    def judged(self, clip: Any) -> Any:
        """Through the audit."""
        table = self.audit(to_table([clip], CandidateClip, *ENDED))
        (outcome,) = from_table(table, ReleasedClip, *ENDED)
        return outcome

    def blinded(
        self, sample: RenderedClip, see: Callable[[Any, np.ndarray], Any]
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        """Outcome, final mask and blurred mask with cue models whose results `see` makes of model and frames."""
        models = self.condition.models
        segment, pose = models.segment, models.pose
        ref = self.reference(sample, sample.frames)
        try:
            models.segment = lambda frames: see(segment, frames)
            models.pose = lambda frames: see(pose, frames)
            cues = models.segment(sample.frames), models.pose(sample.frames)
            clip = self.candidate(ref)
        finally:
            models.segment, models.pose = segment, pose
        shape = sample.masks.shape
        blurred = union(track_people(sample.frames, *cues, self.policy.mask), "mask", shape)
        mask = clip.evidence.mask if isinstance(clip, CandidateClip) else np.zeros(shape, bool)
        return self.judged(clip), mask, blurred


def exposed(sample: RenderedClip, mask: np.ndarray) -> bool:
    """Whether anybody shows more than a tenth of herself in any frame."""
    for number in range(len(sample.people)):
        for truth, cover in zip(sample.masks, mask, strict=True):
            body = np.equal(truth, number + 1)
            if body.sum() >= 200 and np.array(cover)[body].mean() < 0.9:
                return True
    return False


def without_largest(sample: RenderedClip) -> Callable[[Any, np.ndarray], Any]:
    """Models that are blind to whoever takes the most room."""
    largest = int(np.argmax(np.bincount(sample.masks[sample.masks > 0])))
    bodies = sample.masks == largest

    def see(model: Any, frames: np.ndarray) -> Any:
        found = []
        for one, body in zip(model(frames), bodies, strict=True):
            centres = ((one.boxes[:, :2] + one.boxes[:, 2:]) / 2).astype(int).reshape(-1, 2)
            ys, xs = np.nonzero(cv2.dilate(body.astype(np.uint8), np.ones((9, 9), np.uint8)))
            box = (xs.min(), ys.min(), xs.max(), ys.max()) if len(xs) else (0, 0, -1, -1)
            keep = [not (box[0] <= x <= box[2] and box[1] <= y <= box[3]) for x, y in centres]
            found.append(chosen(one, np.array(keep, bool)))
        return found

    return see


def chosen(found: Any, keep: np.ndarray) -> Any:
    """The detections of a frame for which `keep` holds."""
    if isinstance(found, PoseDetections):
        return PoseDetections(found.boxes[keep], found.scores[keep], found.keypoints[keep])
    masks = [mask for mask, kept in zip(found.masks, keep, strict=True) if kept]
    return InstanceMasks(found.boxes[keep], found.scores[keep], masks)


def shifted(model: Any, frames: np.ndarray) -> Any:
    """Models that see everything some pixels to the right."""
    return model(np.roll(frames, SHIFT, axis=2))


def with_plate(sample: RenderedClip) -> np.ndarray | None:
    """The frames with a number plate where nobody ever is; None if there is no such place."""
    people: np.ndarray = sample.masks.max(axis=0) > 0
    height, width = 34, 150
    for y in range(20, people.shape[0] - height - 20, 12):
        for x in range(20, people.shape[1] - width - 20, 20):
            if not people[max(0, y - 30) : y + height + 30, max(0, x - 30) : x + width + 30].any():
                frames = sample.frames.copy()
                frames[:, y : y + height, x : x + width] = 250
                for frame in frames:
                    place = (x + 8, y + 26)
                    cv2.putText(
                        frame, PLATE, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (10, 10, 10), 2, cv2.LINE_AA
                    )
                return frames
    return None


def remuxed(video: bytes, sound: bool) -> bytes:
    """The same picture with a voice, or with a name in its tags."""
    file = io.BytesIO()
    with av.open(io.BytesIO(video)) as source, av.open(file, "w", format="mp4") as target:
        if not sound:
            target.metadata["title"] = "Jane Roe"
        stream = target.add_stream_from_template(source.streams.video[0])
        audio = target.add_stream("aac", rate=16000) if sound else None
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
        if audio:
            tone = np.sin(np.arange(16000) / 10).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            frame.rate = 16000
            target.mux([*audio.encode(frame), *audio.encode()])
    return file.getvalue()


def passed_through(clip: CandidateClip, source: np.ndarray) -> bytes:
    """One frame of the middle as it was."""
    frames, ref = decode_bytes(clip.video), clip.ref
    frames[len(frames) // 2] = source[ref.overlap + len(frames) // 2]
    return encode_video(frames, ref.pts[ref.overlap :], ref.time_base, ref.fps, 18, "veryfast")


def plate_put_back(clip: CandidateClip, sample: RenderedClip, plated: np.ndarray) -> bytes:
    """The candidate with the plate as it was."""
    frames, ref = decode_bytes(clip.video), clip.ref
    there = (sample.frames != plated).any(axis=(0, 3))
    frames[:, there] = plated[ref.overlap :][:, there]
    return encode_video(frames, ref.pts[ref.overlap :], ref.time_base, ref.fps, 18, "veryfast")


def outcomes(leaks: Leaks, sample: RenderedClip) -> dict[str, tuple[Any, bool, bool]]:
    """By fault: the outcome, whether a release of it leaks, and whether the blur script's does."""
    found: dict[str, tuple[Any, bool, bool]] = {}
    ref = leaks.reference(sample, sample.frames)
    sound = leaks.candidate(ref)
    found["none"] = leaks.judged(sound), False, False
    if sample.people:
        for fault, see in (("missed person", without_largest(sample)), ("shifted mask", shifted)):
            outcome, mask, blurred = leaks.blinded(sample, see)
            found[fault] = outcome, exposed(sample, mask), exposed(sample, blurred)
    if isinstance(sound, CandidateClip) and sample.people:
        videos = {
            "pass-through frame": passed_through(sound, sample.frames),
            "audio kept": remuxed(sound.video, sound=True),
            "tag kept": remuxed(sound.video, sound=False),
        }
        if leaks.before:
            videos["swapped clip"] = leaks.before.video
        leaks.before = sound
        for fault, video in videos.items():
            found[fault] = leaks.judged(replace(sound, video=video)), True, True
    plated = with_plate(sample)
    if plated is not None:
        clip = leaks.candidate(leaks.reference(sample, plated))
        if isinstance(clip, CandidateClip):
            found["plate kept"] = (
                leaks.judged(replace(clip, video=plate_put_back(clip, sample, plated))),
                True,
                True,
            )
    return found


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    leaks, results = Leaks(arguments), defaultdict(list)
    for sample in islice(read_people(arguments.people, arguments.shards), arguments.clips):
        for fault, result in outcomes(leaks, sample).items():
            results[fault].append(result)
            print(".", end="", flush=True)
    print(
        "\n\n| fault | clips | caught | by | released with it | a blur script publishes |\n"
        + "| --- " * 6
        + "|"
    )
    for fault, each in results.items():
        print(row(fault, each))
    return 0


def row(fault: str, each: list[tuple[Any, bool, bool]]) -> str:
    """A line of the table."""
    released = [leaks for outcome, leaks, _ in each if isinstance(outcome, ReleasedClip)]
    gates: Counter[str] = Counter()
    for outcome, _, _ in each:
        if isinstance(outcome, QuarantinedClip):
            gates.update([gate.name for gate in outcome.gates if not gate.passed] or [outcome.reason])
    mended = len(released) - sum(released)
    by = [f"{name} {count}" for name, count in gates.most_common()]
    by += [f"masked after all {mended}"] if fault != "none" and mended else []
    blur = sum(blurs for _, _, blurs in each)
    return f"| {fault} | {len(each)} | {len(each) - sum(released)} | {', '.join(by)} | {sum(released)} | {blur} |"


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--shards", default="street-val.tar", help="which of them (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=12, help="how many of them (default: %(default)s)")
    options.run(main, parser)
