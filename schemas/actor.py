"""What flows of an actor: small arrays of pose and place, and a seed. No pixels, and nothing of anybody's outline."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Motion:
    """How an actor moves over the N frames of a track.

    pose   float32 [N,29]: yaw and the joint angles of operators/actor/body/skeleton.py, radians
    place  float32 [N,3]: the root in metres: right and up of the picture's middle over depth, logarithm of the depth
    focal  of the camera, px
    fingers  float32 [N,10]: thumb to little finger of the left hand, then of the right, 0 straight to 1 in the palm
    """

    pose: np.ndarray
    place: np.ndarray
    focal: float
    fingers: np.ndarray


@dataclass(frozen=True)
class Proportions:
    """What a body's lengths are multiplied by, both sides alike; what is not named here is the actor's own."""

    upper_leg: float = 1.0
    lower_leg: float = 1.0
    upper_arm: float = 1.0
    lower_arm: float = 1.0
    shoulders: float = 1.0  # across
    hips: float = 1.0  # across


@dataclass(frozen=True)
class Film:
    """What a picture makes of colours and levels, whatever is in it.

    colour        share of a thing's colour that is shown: 0 in black and white
    stain         by how much of its level all is off gray where no colour is shown, red, green and blue: 0 in black and
                  white, brown in old film, green at night
    black, white  levels of 255 of what is black and white: in fog black is gray
    """

    colour: float = 1.0
    stain: tuple[float, float, float] = (0.0, 0.0, 0.0)
    black: float = 0.0
    white: float = 255.0


@dataclass(frozen=True)
class Light:
    """What falls on an actor: `direction` to the sun (unit, X right, Y away, Z up), colours in linear light; and what
    the film makes of all that."""

    direction: tuple[float, float, float] = (-0.39, -0.65, 0.65)
    sun: tuple[float, float, float] = (1.25, 1.2, 1.1)
    sky: tuple[float, float, float] = (0.75, 0.8, 0.9)
    ground: tuple[float, float, float] = (0.45, 0.42, 0.38)
    blur: float = 0.0  # sigma in px, beyond a sharp drawing's
    grain: float = 0.0  # levels
    film: Film = Film()


@dataclass(frozen=True)
class Plate:
    """A clip without what its mask hid: frames uint8 [T,H,W,3]; holes bool [T,H,W], where they were made up."""

    frames: np.ndarray
    holes: np.ndarray
    still: bool


@dataclass(frozen=True)
class Actor:
    """One actor for one track: how they move, and who they are. Drawn where it is needed.

    size     height and width of the frame that the motion is for, px
    seed     of the looks, from the pseudo-identity; persona: the words that the looks follow, empty for any
    proportions  all 1, unless the policy has those of who was there
    """

    motion: Motion
    size: tuple[int, int]
    seed: int
    persona: str = ""
    proportions: Proportions = Proportions()


@dataclass(frozen=True)
class Role:
    """An actor who plays from frame `first` of a clip's window on."""

    actor: Actor
    first: int
