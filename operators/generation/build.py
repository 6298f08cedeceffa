"""From a profile's settings to what generates: one match over `model:`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from schemas import profile as choice
from schemas.generation import Request


class Generator(Protocol):
    """Frames uint8 [T,h,w,3] for each request, or what was raised for it and for no other."""

    def together(self, requests: Sequence[Request]) -> list[np.ndarray | Exception]: ...


def build_generator(settings: choice.Generator, device: str) -> Generator:
    """The generator that the profile names."""
    match settings:
        case choice.WanVace():
            from operators.generation.generator import WanVaceGenerator  # torch takes seconds to import

            return WanVaceGenerator(settings, device)
