"""What a trainer is told of a generated person, beside the video that shows them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PersonLabel:
    """One generated person in one released frame, as they are drawn there. Nothing in it is the source's.

    frame       number of the released frame, from 0
    track       number of the person in this clip, from 1, in the order in which they come
    person      16 hex digits: the same in clips in which the policy's identity.scope gives one look, and in no other
    box         x0 y0 x1 y1, px: of the pixels that show them, x1 and y1 behind the last
    visibility  share of the drawn body, as far as it lies in the frame, of which pixels show; 0 to 1
    keypoints   17 times x, y (px), v in the order of COCO: v 2 within the pixels that show the person, 1 hidden by
                somebody or something, 0 (and x, y 0) out of the frame
    mask        the pixels that show them, as COCO's uncompressed RLE: counts of 0 and 1 in turn, down the columns
    """

    frame: int
    track: int
    person: str
    box: list[int]
    visibility: float
    keypoints: list[float]
    mask: list[int]
