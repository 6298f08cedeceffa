"""What flows from Condition to Regenerate: a clip reduced to structure, and the tubes that are to be generated."""

from dataclasses import dataclass

import numpy as np

from schemas.actor import Role
from schemas.clip import ClipRef, Evidence
from schemas.cues import Patches


@dataclass(frozen=True)
class Tube:
    """The space-time region of one tracked person (StructAll: the whole frame), ready for generation.

    first        index of the tube's first frame in the clip's window
    boxes        int32 [N,4], x0 y0 x1 y1 in source pixels: where each frame of the tube lies; a box may
                 reach beyond the frame
    conditioning uint8 [N,h,w,3] RGB at model resolution
    generate     bool [N,h,w]: VACE's mask, what to generate and not to keep; at model resolution
    masks        at source resolution: the pixels that the generated tube replaces; bool [N,H,W] is taken, too
    seed         derived from the pseudo-identity (HMAC of release key, scope, track)
    """

    track: int
    first: int
    boxes: np.ndarray
    conditioning: np.ndarray
    generate: np.ndarray
    masks: Patches
    prompt: str
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "masks", Patches.of(self.masks))

    @property
    def mask(self) -> np.ndarray:
        """bool [N,H,W], made when it is asked for."""
        return self.masks.whole()


@dataclass(frozen=True)
class Conditioning:
    """A clip reduced to structure. Past this point no stage but Audit ever sees a person's pixels.

    background  lossless H.264 of the window, everything inside the mask gray (empty in StructAll)
    shots       first frame of each shot of the window, and the one after its last
    tubes       what a diffusion model generates
    roles       who is drawn, if the profile has people drawn; a person of whose joints nothing is believable has none
    """

    ref: ClipRef
    evidence: Evidence
    background: bytes
    shots: list[tuple[int, int]]
    tubes: list[Tube]
    roles: list[Role]
