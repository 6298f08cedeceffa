"""The summary: every figure of every method, the three axes, and the three questions. No pixel and no source's name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operators.evaluation import by_eye
from operators.evaluation.attacker import Attacker
from operators.evaluation.figures import Figures, methods_of, ratios
from schemas.evaluation import RECAST, SOURCE, Attack, Measured, Statistic
from schemas.policy import Policy
from schemas.profile import Profile

# What an attacker may find by looks, and counts for privacy; places and motion are kept on purpose, and stated.
BY_LOOKS = (
    "body R-1",
    "head R-1",
    "face R-1",
    "clothes-changing R-1",
    "parrot R-1",
    "reversal R-1",
    "linked by looks R-1",
)
AS_SOURCE = ("warping", "flicker", "sharpness", "seam")  # best at 1
AGREEING = ("detector recall", "pose", "flow", "depth")  # best at 1, never above
TRAINED = ("trained detector", "trained tracker")  # over training on originals; by chance a little above 1
MEMBERSHIP = (
    "membership"  # of an adapter's training data: the dataset shows nothing of it, so it counts in no axis
)
NOT_ATTACKED = [
    "voices, and whoever knows somebody by something that no model here looks at",
    "text in the picture: the run's own gates read it",
    "captions before and after: words for colours stand in for them (attributes)",
]

_NO_MEMBERS = (
    "membership of a clip in an adapter's training data: no pairs were given (--members, --strangers)"
)


def summary(
    measured: Sequence[Measured],
    attacker: Attacker,
    attacks: Sequence[Attack],
    own: Figures,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """All of it, ready for JSON. `own` are figures of the dataset alone, such as `lost`; `facts` go in as they are."""
    methods: dict[str, Any] = {}
    for method in methods_of(measured):
        figures = ratios(measured, method)
        identity, curves = attacker.identity(method)
        figures |= identity | attacker.trained(method)
        for attack in attacks:
            figures |= attacker.attack(method, attack)
        if method == RECAST:
            figures |= own
        shown = {name: one.as_json() for name, one in figures.items()}
        methods[method] = {"figures": shown, "axes": axes(figures), "curves": curves}
    clips = [clip for one in measured for clip in one.clips]
    return {
        **facts,
        "sources": len(measured),
        "clips": len(clips),
        "unmeasured": sum(len(one.unmeasured) for one in measured),
        "people": len({(look.clip, look.person) for look in attacker.looks[SOURCE]}),
        "attacked": list(attacks),
        "not_attacked": [*([] if MEMBERSHIP in own else [_NO_MEMBERS]), *NOT_ATTACKED],
        "methods": methods,
        "questions": questions(methods.get(RECAST, {}).get("figures", {})),
    }


def bodies(policy: Policy, profile: Profile) -> str:
    """Whose proportions are shown, without which no figure of gait or proportions says anything."""
    if policy.people != "regenerate":
        return "nobody is drawn"
    if profile.generator.people != "actor":
        return "the source's: a diffusion model follows the joints of who was there"
    own = {
        "actor": "the actors' own (identity.body: actor)",
        "source": "the source's (identity.body: source)",
    }
    return own[policy.identity.body]


def axes(figures: Figures) -> dict[str, float | None]:
    """Privacy, quality and utility from 0 to 1; None where nothing tells.

    privacy  1 less what the best attack gains over chance, or the share of exposed person-frames, whichever is more
    quality  geometric mean of how near warping, flicker, sharpness and seam are to the source's
    utility  mean of what detector, pose, flow and depth find again, and who learns from it in originals, times the
             share of frames that is not lost
    """
    lost = figures.get("lost")
    kept = 1 - (lost.value if lost and lost.value is not None else 0.0)
    gains = [gain(figures[name]) for name in BY_LOOKS if name in figures and figures[name].value is not None]
    exposed = [figures[name].value for name in ("exposed, all heights", by_eye.NAME) if name in figures]
    risks = [*gains, *(value for value in exposed if value is not None)]
    near = [min(value, 1 / value) if value > 0 else 0.0 for value in _values(figures, AS_SOURCE)]
    agree = [min(1.0, max(0.0, value)) for value in _values(figures, (*AGREEING, *TRAINED))]
    return {
        "privacy": round(1 - max(risks), 4) if risks else None,
        "quality": round(float(np.prod(near) ** (1 / len(near))), 4) if near else None,
        "utility": round(float(np.mean(agree)) * kept, 4) if agree else None,
    }


def gain(one: Statistic) -> float:
    """From 0, as good as guessing, to 1, always right."""
    chance = one.chance or 0.0
    return float(np.clip(((one.value or 0.0) - chance) / max(1 - chance, 1e-9), 0, 1))


def _values(figures: Figures, names: Sequence[str]) -> list[float]:
    return [value for name in names if name in figures and (value := figures[name].value) is not None]


def questions(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The three that data protection asks of anonymous data (WP 216 of the European Commission, 2014), each with the
    figures that answer it."""
    asked = {
        "Singling out: can somebody be picked out?": (
            "exposed, all heights",
            by_eye.NAME,
            "body R-1",
            "head R-1",
            "face R-1",
            "parrot R-1",
        ),
        "Linkability: can two records be told to be of one person?": (
            "linked by looks R-1",
            "linked by gait R-1",
        ),
        "Inference: can something be learnt of who was there?": ("attributes", "reversal R-1", MEMBERSHIP),
    }
    return [
        {"question": question, "figures": {name: figures[name] for name in names if name in figures}}
        for question, names in asked.items()
    ]


def worst(measured: Sequence[Measured], count: int = 10) -> list[dict[str, Any]]:
    """The clips of Recast in which most is exposed, then in which somebody looks most like who was there."""
    clips: dict[str, dict[str, Any]] = {}
    for one in measured:
        own: dict[str, dict[str, Any]] = {
            clip: {"clip": clip, "exposed": 0.0, "likeness": -1.0} for clip in one.clips
        }
        originals = {
            (look.clip, look.person, look.outfit): look for look in one.looks if look.method == SOURCE
        }
        for ratio in one.ratios:
            if ratio.method == RECAST and ratio.name == "exposed, all heights" and ratio.denominator:
                own[ratio.clip]["exposed"] = ratio.numerator / ratio.denominator
        for look in one.looks:
            was = originals.get((look.clip, look.person, look.outfit))
            if look.method == RECAST and was is not None:
                likeness = float((look.body * was.body).sum(axis=1).max())
                own[look.clip]["likeness"] = max(own[look.clip]["likeness"], likeness)
        clips |= own
    ordered = sorted(clips.values(), key=lambda clip: (-clip["exposed"], -clip["likeness"], clip["clip"]))
    return ordered[:count]
