"""What training learns from: a window of frames, the condition it is to be made from again, and words."""

from dataclasses import dataclass

import numpy as np

from schemas.certificate import Variant


@dataclass(frozen=True)
class TrainingPair:
    """One window at model resolution.

    target    uint8 [T,h,w,3] RGB: the real frames
    condition uint8 [T,h,w,3] RGB: the fused frames as the generator is shown them; the first is the reference
    mask      bool [T,h,w]: what to generate
    known     so many first frames are given as they are, as when a later window continues an earlier one
    prompt    "" where nobody says what is to be seen
    """

    key: str
    variant: Variant
    prompt: str
    target: np.ndarray
    condition: np.ndarray
    mask: np.ndarray
    known: int
    people: int
    source_hmac: str

    def __post_init__(self) -> None:
        shapes = {self.target.shape[:3], self.condition.shape[:3], self.mask.shape}
        if len(shapes) != 1:
            raise ValueError(f"pair {self.key}: target, condition and mask differ in shape: {shapes}")
