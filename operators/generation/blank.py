"""What a VAE makes of a video of which nothing is kept: VACE has it encoded beside what is to be generated."""

from collections.abc import Callable
from typing import Any

import torch

_SHAPES = 8  # of which the latents are kept


def blank_once(encode: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of videos [B,C,T,h,w], which computes what comes of zeros once for each shape.

    Where a whole frame is generated anew, which in a first window is every frame, that is half of the encoding.
    """
    known: dict[tuple[Any, ...], Any] = {}

    def encoded(video: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        if video.any():
            return encode(video, *arguments, **options)
        key = (video.shape, video.dtype, video.device, arguments, tuple(options.items()))
        if key not in known:
            if len(known) == _SHAPES:
                known.pop(next(iter(known)))
            known[key] = encode(video, *arguments, **options)
        return known[key]

    return encoded
