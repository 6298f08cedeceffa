"""Of masks that grow over what is beside somebody."""

from schemas.policy import MaskPolicy

BESIDE = MaskPolicy(
    start_confidence=0.3,
    start_frames=1,
    dilate_px=8,
    dilate_share=0.05,
    union_frames=1,
    gap_frames=0,
    growths=0,
)
