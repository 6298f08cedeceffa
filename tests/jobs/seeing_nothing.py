"""The real jobs with stages that look at nothing: for what plan, ledger and output go through, in a second or two.

The first clip of every source is quarantined and kept for reviewers, all others are released as noise.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import operators.audit
import operators.condition
import operators.regenerate
from operators.audit import Provenance
from operators.pages.candidates import Candidates
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.policy import Policy
from schemas.profile import Profile
from tests import rows, videos
from tests.cluster import toy
from tests.jobs import small
from tests.jobs.small import Done

SETTINGS = ["clip.frames=5", "clip.overlap=1", "clips_per_shard=4", "policy.escalation=[]"]
OPTIONS = [part for one in SETTINGS for part in ("--set", one)]


class Passing:
    """In place of Condition and of Regenerate."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, clips: pa.Table) -> pa.Table:
        return clips


class Ending:
    """In place of Audit."""

    def __init__(self, profile: Profile, policy: Policy, made_by: Provenance, *others: Any) -> None:
        self.profile, self.policy, self.made_by = profile, policy, made_by
        self.candidates: Candidates = others[2]

    def __call__(self, clips: pa.Table) -> pa.Table:
        ended = [self.end(ref) for ref in from_table(clips, ClipRef)]
        return to_table(ended, ReleasedClip, QuarantinedClip, FailedClip)

    def end(self, ref: ClipRef) -> toy.Ended:
        if ref.problem:
            return FailedClip(ref, "condition", ref.problem, ref.remedy, {})
        video = toy.noise(ref, ref.clip_id & 0xFFFF)
        if ref.key.endswith("-000000"):
            if folder := self.candidates.folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
                for end in ("mp4", "condition.mp4"):
                    Path(folder, f"{ref.key}.{end}").write_bytes(video)
            gates, digest = [toy.GATE], hashlib.sha256(video).hexdigest()
            return QuarantinedClip(ref, "audit", "gate failed: copy", gates, [], {"audit": 0.125}, digest)
        made = toy.released(ref, video, policy=self.policy)
        said = {"profile_digest": self.profile.digest(), "policy_digest": self.policy.digest()}
        said |= {"weights_digest": self.made_by.weights, "code_version": self.made_by.code}
        return replace(made, certificate=replace(made.certificate, **said))  # type: ignore[arg-type]


def job(name: str, *arguments: str, during: Callable[[pytest.MonkeyPatch], None] | None = None) -> Done:
    """Run `python -m jobs.NAME` to its end; `during` may change more of what it calls."""
    with rows.here() as patch:
        patch.setattr(operators.condition, "Condition", Passing)
        patch.setattr(operators.regenerate, "Regenerate", Passing)
        patch.setattr(operators.audit, "Audit", Ending)
        if during:
            during(patch)
        return small.job(name, *arguments)


def films(folder: Path, *names: str) -> Path:
    """Videos of three clips of those names, no two alike."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures = videos.pictures(13, 48, 64)
        pictures[:] = (pictures.astype(int) + 40 * number) % 256
        videos.write(path, pictures)
    return folder
