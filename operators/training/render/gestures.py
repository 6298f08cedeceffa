"""What arms do, alone or together."""

from dataclasses import dataclass

from numpy.random import Generator

ARM_JOINTS = ("shoulder", "arm_out", "arm_in", "elbow")
ARMS = {  # by what they do; the angles of ARM_JOINTS, in degrees
    "relax": (0, 7, 5, 14),
    "wave": (15, 105, -35, 95),
    "phone": (48, 22, 35, 138),
    "text": (28, 4, 35, 88),
    "hips": (-22, 42, 38, 92),
    "point": (82, 8, 0, 8),
    "cross": (34, 4, 62, 98),
    "carry": (22, 6, 10, 82),
    "raise_": (150, 18, 0, 15),
    "pocket": (-14, 16, 22, 42),
    "out": (5, 85, 0, 8),
    "think": (40, 10, 50, 128),
    "behind": (-32, 10, 40, 48),
    "push": (55, 6, 0, 45),
}
BOTH_ARMS = ("relax", "text", "hips", "cross", "carry", "pocket", "behind", "push")
ONE_ARM = ("wave", "phone", "point", "think", "raise_", "pocket", "hips", "out")


@dataclass(frozen=True)
class Gestures:
    """What the arms do: `left` and `right` (None: the same) name ARMS, or "swing" with the gait; then one of them
    changes to `then`."""

    left: str
    right: str | None = None
    then: str | None = None

    def both(self) -> tuple[str, str]:
        """Of the left arm and of the right one."""
        return self.left, self.right or self.left

    def words(self) -> str:
        """Such as "wave+relax then hips"."""
        said = self.left if self.right is None else f"{self.left}+{self.right}"
        return f"{said} then {self.then}" if self.then else said


def sample_gestures(rng: Generator) -> Gestures:
    """A third use both arms, a third one, a third let them swing; a third change to something else on the way."""
    kind = rng.random()
    left, right = "swing", None
    if kind < 0.35:
        left = str(rng.choice(BOTH_ARMS))
    elif kind < 0.7:
        pair = [str(rng.choice(ONE_ARM)), str(rng.choice(["relax", "relax", "pocket"]))]
        rng.shuffle(pair)
        left, right = pair
    then = str(rng.choice(BOTH_ARMS + ONE_ARM)) if rng.random() < 0.35 else None
    return Gestures(left, right, then)
