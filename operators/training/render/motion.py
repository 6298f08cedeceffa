"""Made-up motion: curves of joint angles over time, in degrees.

Angles are named for the movement and the side, "hip_l" or "elbow_r": hip, knee and ankle (flexion), leg_out (the leg to
the side), shoulder (flexion), arm_out (to the side), arm_in (twist inwards), elbow. Of the trunk: spine (forwards),
side, twist; of the head: nod, turn, tilt; of the pelvis: pelvis_turn, pelvis_drop. Walking and jogging follow typical
curves of gait (Winter, Biomechanics and Motor Control of Human Movement), ten samples a cycle from heel strike on.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from operators.training.render.gestures import ARM_JOINTS, ARMS, Gestures

SIDES = ("l", "r")
# Hip, knee and ankle over one cycle.
_WALK = (
    (28, 25, 17, 8, -2, -11, -6, 10, 24, 30),
    (5, 17, 16, 9, 5, 9, 36, 60, 50, 17),
    (0, -5, 3, 7, 10, 8, -17, -8, 0, 2),
)
_JOG = (
    (35, 28, 16, 4, -8, -14, 2, 28, 46, 46),
    (18, 40, 35, 22, 16, 30, 75, 105, 85, 40),
    (0, 8, 18, 18, 5, -20, -15, -5, 0, 0),
)
_NODS = {"text": 10, "phone": 2}  # to look at what is in the hand
# How far trunk, head and pelvis wander, and in which order they are drawn.
_WANDER = {
    "spine": 2,
    "side": 1.5,
    "twist": 3,
    "nod": 4,
    "turn": 8,
    "tilt": 3,
    "pelvis_turn": 0,
    "pelvis_drop": 0,
}


@dataclass
class Movement:
    """Curves float64 [T] by angle. `kind`: walk, jog, stand, step (from side to side) or squat."""

    kind: str
    frames: int
    fps: float
    rng: Generator
    angles: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def seconds(self) -> np.ndarray:
        """Time of every frame, float64 [T]."""
        return np.arange(self.frames) / self.fps

    @property
    def travels(self) -> bool:
        """Whether the body moves on as fast as its feet push."""
        return self.kind in ("walk", "jog")

    def noise(self, amplitude: float, hertz: float = 0.5) -> np.ndarray:
        """A slow random curve, float64 [T], of three sines."""
        total = np.zeros(self.frames)
        for k in (1, 2, 3):
            height = self.rng.normal()
            cycles = hertz * k * self.seconds * self.rng.uniform(0.7, 1.3) + self.rng.random()
            total += height * np.sin(2 * np.pi * cycles) / k
        return amplitude * total * 0.7

    def hold_arm(self, side: str, what: str) -> None:
        """Put one arm where `what` of ARMS has it, nearly."""
        for joint, angle in zip(ARM_JOINTS, ARMS[what], strict=True):
            self.angles[f"{joint}_{side}"] = angle + self.rng.normal() * 3.2 + self.noise(2)


@dataclass(frozen=True)
class _Gait:
    """How somebody walks: cycles a second, size of the steps, phase at the start, swing of the arms."""

    cadence: float
    stride: float
    phase: float
    swing: float


def sample_motion(kind: str, gestures: Gestures, frames: int, fps: float, rng: Generator) -> Movement:
    """A random motion of that kind; the same generator gives the same curves."""
    motion = Movement(kind, frames, fps, rng)
    gait = _Gait(rng.uniform(0.8, 1.05), rng.uniform(0.75, 1.15), rng.random(), rng.uniform(0.6, 1.3))
    stoop = rng.normal() * 3
    for side in SIDES:
        motion.hold_arm(side, "relax")
    for joint in ("hip", "knee", "ankle", "leg_out"):
        for side in SIDES:
            motion.angles[f"{joint}_{side}"] = np.zeros(frames)
    for name, amplitude in _WANDER.items():
        motion.angles[name] = motion.noise(amplitude, 0.35)
    motion.angles["turn"] += rng.normal() * 8
    motion.angles["spine"] += 3 + stoop
    motion.angles["nod"] += rng.normal() * 4
    match kind:
        case "walk" | "jog":
            _go(motion, gait, swings=gestures.left == "swing")
        case "stand":
            _stand(motion)
        case "squat":
            _squat(motion)
        case "step":
            _step(motion, gait)
        case _:
            raise ValueError(f"no motion of kind {kind}")
    _gesture(motion, gestures)
    return motion


def periodic(samples: tuple[float, ...], cycles: np.ndarray) -> np.ndarray:
    """The smooth periodic curve through `samples` at `cycles` float64 [T]; its higher harmonics are damped."""
    waves = np.fft.rfft(samples) / len(samples)
    k = np.arange(len(waves))
    once = (k == 0) | (k == len(samples) / 2)
    weights = np.where(once, 1, 2) * np.exp(-((k / 5.0) ** 4))
    return (weights * waves * np.exp(2j * np.pi * np.outer(cycles, k))).sum(1).real


def _go(motion: Movement, gait: _Gait, swings: bool) -> None:
    """Walk or jog: legs half a cycle apart, arms against them, pelvis and trunk turning with the stride."""
    angles, jogs, seconds = motion.angles, motion.kind == "jog", motion.seconds
    hips, knees, ankles = _JOG if jogs else _WALK
    cadence = gait.cadence * 1.5 if jogs else gait.cadence
    for side, offset in zip(SIDES, (0, 0.5), strict=True):
        cycles = gait.phase + cadence * seconds + offset
        angles[f"hip_{side}"] = 8 + (periodic(hips, cycles) - 8) * gait.stride
        angles[f"knee_{side}"] = periodic(knees, cycles) * (0.25 + 0.75 * gait.stride)
        angles[f"ankle_{side}"] = periodic(ankles, cycles) * gait.stride
        if swings:
            _swing_arm(motion, side, periodic(hips, cycles + 0.5) - 10, gait.swing)
    circle = 2 * np.pi * (gait.phase + cadence * seconds)
    angles["pelvis_turn"] += -5 * gait.stride * np.cos(circle)
    angles["twist"] += 9 * gait.stride * np.cos(circle)
    angles["pelvis_drop"] += 3 * np.sin(circle)
    angles["side"] += -3 * np.sin(circle)
    if jogs:
        angles["spine"] += 8


def _swing_arm(motion: Movement, side: str, other_hip: np.ndarray, swing: float) -> None:
    """An arm goes with the hip of the other side, float64 [T] about 0; bent if jogging."""
    if motion.kind == "walk":
        shoulder, elbow = other_hip * 0.75 * swing, 14 + np.maximum(other_hip, 0) * 0.7 * swing
    else:
        shoulder, elbow = other_hip * 0.9, 88 + other_hip * 0.3
    motion.angles[f"shoulder_{side}"] = shoulder - 2 + motion.noise(2)
    motion.angles[f"elbow_{side}"] = elbow + motion.noise(2)
    motion.angles[f"arm_out_{side}"] = 7 + motion.noise(1.5)


def _stand(motion: Movement) -> None:
    """Weight on one leg or the other."""
    angles, rng = motion.angles, motion.rng
    lean = motion.noise(3, 0.25) + rng.normal() * 3
    for side in SIDES:
        bend = max(0, rng.normal() * 6)
        angles[f"hip_{side}"] += bend * 0.6 + motion.noise(0.5)
        angles[f"knee_{side}"] += bend * 1.2 + 2
        angles[f"ankle_{side}"] += bend * 0.6
        angles[f"leg_out_{side}"] += abs(rng.normal()) * 4
    angles["pelvis_drop"] += lean * 0.6
    angles["side"] -= lean * 0.6


def _squat(motion: Movement) -> None:
    """Down and up again, more than once if there is time."""
    angles, rng = motion.angles, motion.rng
    down = 0.5 - 0.5 * np.cos(2 * np.pi * (rng.uniform(0.25, 0.6) * motion.seconds + rng.random()))
    down = down * rng.uniform(0.5, 1)
    for side in SIDES:
        angles[f"hip_{side}"] += 95 * down
        angles[f"knee_{side}"] += 115 * down
        angles[f"ankle_{side}"] += 28 * down
        angles[f"leg_out_{side}"] += 8
    angles["spine"] += 25 * down


def _step(motion: Movement, gait: _Gait) -> None:
    """From one foot to the other, as in a dance."""
    angles = motion.angles
    circle = 2 * np.pi * (gait.cadence * 0.6 * motion.seconds + gait.phase)
    for side, sign in zip(SIDES, (1, -1), strict=True):
        up = np.maximum(0, sign * np.sin(circle))
        angles[f"hip_{side}"] += 30 * up
        angles[f"knee_{side}"] += 50 * up
        angles[f"leg_out_{side}"] += 8 + 6 * up
        angles[f"shoulder_{side}"] += 25 * np.sin(circle * sign) + 10
        angles[f"elbow_{side}"] += 45 + 20 * np.cos(circle)
        angles[f"arm_out_{side}"] += 12
    angles["twist"] += 12 * np.sin(circle)
    angles["pelvis_drop"] += 4 * np.sin(circle)


def _gesture(motion: Movement, gestures: Gestures) -> None:
    """Arms that do not swing do what they are to do; then one of them changes, smoothly."""
    angles, rng = motion.angles, motion.rng
    for side, what in zip(SIDES, gestures.both(), strict=True):
        if what == "swing":
            continue
        motion.hold_arm(side, what)
        if what == "wave":
            angles[f"elbow_{side}"] += 28 * np.sin(2 * np.pi * 1.6 * motion.seconds + rng.random() * 6)
            angles[f"arm_in_{side}"] += 18 * np.sin(2 * np.pi * 1.6 * motion.seconds)
        angles["nod"] += _NODS.get(what, 0)
    if gestures.then:
        middle = rng.uniform(0.1, 0.7) * motion.seconds[-1] if motion.frames > 1 else 0
        share = np.clip((motion.seconds - middle) / rng.uniform(0.4, 0.9) + 0.5, 0, 1)
        share = share * share * (3 - 2 * share)
        side = rng.choice(SIDES)
        for joint, angle in zip(ARM_JOINTS, ARMS[gestures.then], strict=True):
            name = f"{joint}_{side}"
            angles[name] = angles[name] * (1 - share) + (angle + rng.normal() * 4) * share
