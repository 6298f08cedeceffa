"""The summary: every figure of every method, the three axes, and the three questions. No pixel and no source's name."""

from collections.abc import Mapping, Sequence
from typing import Any

from operators.evaluation.attacker import Attacker
from operators.evaluation.axes import axes
from operators.evaluation.control import blind
from operators.evaluation.figures import Figures, methods_of, ratios
from operators.evaluation.missing import not_measured
from operators.evaluation.questions import questions
from schemas.evaluation import RECAST, SOURCE, Attack, Measured
from schemas.policy import Policy
from schemas.profile import Profile


def summary(
    measured: Sequence[Measured],
    attacker: Attacker,
    attacks: Sequence[Attack],
    own: Figures,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """All of it, ready for JSON. `own` are figures of the dataset alone, such as `lost`; `facts` go in as they are."""
    methods, missing = dict[str, Any](), not_measured({})
    for method in methods_of(measured):
        figures = ratios(measured, method)
        identity, curves = attacker.identity(method)
        figures |= identity | attacker.trained(method)
        for attack in attacks:
            figures |= attacker.attack(method, attack)
        if method == RECAST:
            figures |= own
        shown = {name: one.as_json() for name, one in figures.items()}
        found = axes(figures)
        methods[method] = {
            "figures": shown,
            "axes": {name: one.value for name, one in found.items()},
            "axes_between": {name: one.between() for name, one in found.items()},
            "curves": curves,
        }
        if method == RECAST:
            missing = not_measured(figures)
    clips = [clip for one in measured for clip in one.clips]
    return {
        **facts,
        "sources": len(measured),
        "clips": len(clips),
        "unmeasured": sum(len(one.unmeasured) for one in measured),
        "people": len({(look.clip, look.person) for look in attacker.looks[SOURCE]}),
        "attacked": list(attacks),
        "not_attacked": missing,
        "control": blind(methods),
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
