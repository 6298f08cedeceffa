"""The ladder: what is tried, once each and in order, before a clip that a gate refused is quarantined."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, Literal, Protocol

from operators import stamps, storage
from operators.recovery.mark import mark_of
from operators.recovery.rungs import next_rung
from schemas import words
from schemas.certificate import Rung, Step
from schemas.policy import MaskPolicy

FOLDER = "escalation"


class Vouching(Protocol):
    """Who signs: operators/release/signature.py, and where nobody does, keyed.py."""

    def sign(self, kind: Literal["ladder"], statement: dict[str, Any]) -> str: ...
    def has_signed(self, kind: Literal["ladder"], statement: dict[str, Any], signature: Any) -> bool: ...


class Ladder:
    """The policy's rungs, and where each clip stands on them: OUTPUT/escalation/CLIP.json, a list of steps.

    A clip that is refused and has a rung left is written there and leaves the run's stream without a verdict, so it is
    missing and the run's next pass takes it up again, from its source. Without an `output`, as in training and tests
    of single stages, nothing is tried again. With a `signer` steps count only if they are signed, as others may write
    in the output, and one of the steps is a reviewer's word that a clip may be released.
    """

    def __init__(self, rungs: Sequence[Rung] = (), output: str = "", signer: Vouching | None = None) -> None:
        self.rungs, self.output, self.signer = rungs, output, signer

    def steps(self, clip_id: int) -> list[Step]:
        """The steps due for a clip, in order. Raises whatever the store does: unread is not the same as none.

        Of what nobody vouched for it is, whatever that is: clips are not to be lost by what others write there."""
        if not self.output:
            return []
        try:
            written = storage.read_bytes(self.output, _path(clip_id))
        except FileNotFoundError:
            return []
        if self.signer:
            return self._vouched(clip_id, written, self.signer)
        return [Step(**step) for step in json.loads(written)["steps"]]

    def _vouched(self, clip_id: int, written: bytes, signer: Vouching) -> list[Step]:
        try:
            held = json.loads(written)
            due = {"clip_id": clip_id, "steps": held["steps"]}
            signature = held.get("signature")
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return []
        return [Step(**step) for step in due["steps"]] if signer.has_signed("ladder", due, signature) else []

    def standing(self) -> dict[str, str]:
        """Where the clips stand: another answer as soon as one has climbed."""
        return stamps.below(storage.join(self.output, FOLDER)) if self.output else {}

    def climb(
        self, clip_id: int, steps: Sequence[Step], stage: str, reason: str, vain: Collection[Rung] = ()
    ) -> bool:
        """Record the next rung that may help a clip which `stage` refused after `steps`; False if there is none.

        What Condition refuses depends on the mask and not on what would be generated, and what gates refuse on what
        they ask (rungs.py): rungs that cannot help are passed over, and so are those in `vain`. What a reviewer asked
        for is tried as asked and not further.
        """
        left = iter(self.rungs)
        stood = all(any(rung == step.name for rung in left) for step in steps)
        if not self.output or not stood or any(step.by for step in steps):
            return False
        failed = set(reason.removeprefix("gate failed: ").split(", "))
        rung = next_rung(list(left), {"nobody left"} if stage == "condition" else failed, vain)
        if rung:
            self.write(clip_id, [*steps, Step(rung, f"{stage}: {words.reason(reason)}")])
        return rung is not None

    def write(self, clip_id: int, steps: Sequence[Step]) -> None:
        """Record the steps due for a clip."""
        due: dict[str, Any] = {"clip_id": clip_id, "steps": [asdict(step) for step in steps]}
        signature = {"signature": self.signer.sign("ladder", due)} if self.signer else {}
        storage.write_bytes(self.output, _path(clip_id), json.dumps(due | signature).encode())


def _path(clip_id: int) -> str:
    return f"{FOLDER}/{mark_of(clip_id)}.json"


def larger(mask: MaskPolicy, steps: Sequence[Step]) -> MaskPolicy:
    """The mask's settings after these steps: at each "larger mask" twice as wide, over more frames, sooner believed."""
    for _ in [step for step in steps if step.name == "larger mask"]:
        changes: dict[str, Any] = {
            "start_confidence": mask.start_confidence / 2,
            "start_frames": max(1, mask.start_frames - 1),
            "dilate_px": 2 * mask.dilate_px,
            "dilate_share": min(0.5, 2 * mask.dilate_share),
            "union_frames": mask.union_frames + 2,
        }
        mask = mask.model_copy(update=changes)
    return mask


def tries(steps: Sequence[Step]) -> int:
    """How often somebody is to look otherwise than before, as these steps tell: not by `accept`, which asks for no
    other video, nor by a larger mask, in which they may look as they do in the clips before and after."""
    return sum(step.name not in ("accept", "larger mask") for step in steps)
