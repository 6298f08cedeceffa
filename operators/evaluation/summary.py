"""The summary: every figure of every method, the three axes, and the three questions. No pixel and no source's name."""

from collections.abc import Mapping, Sequence
from typing import Any

from operators.evaluation.attacker import Attacker
from operators.evaluation.axes import axes, unseen
from operators.evaluation.figures import Figures, methods_of, ratios
from operators.evaluation.missing import not_measured
from operators.evaluation.questions import questions
from operators.release.control import blind
from schemas.evaluation import CONTROL, RECAST, SOURCE, Attack, Measured
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
    found = {name: _figures(measured, attacker, attacks, name) for name in methods_of(measured)}
    if RECAST in found:
        found[RECAST][0].update(own)
    hidden = unseen(found[CONTROL][0]) if CONTROL in found else []
    methods = {name: _shown(figures, curves, hidden) for name, (figures, curves) in found.items()}
    clips = [clip for one in measured for clip in one.clips]
    return {
        **facts,
        "sources": len(measured),
        "clips": len(clips),
        "unmeasured": sum(len(one.unmeasured) for one in measured),
        "people": len({(look.clip, look.person) for look in attacker.looks[SOURCE]}),
        "attacked": list(attacks),
        "not_attacked": not_measured(found.get(RECAST, ({}, {}))[0]),
        "control": blind(methods),
        "unseen": hidden,
        "methods": methods,
        "questions": questions(methods.get(RECAST, {}).get("figures", {}), hidden),
    }


def _figures(
    measured: Sequence[Measured], attacker: Attacker, attacks: Sequence[Attack], method: str
) -> tuple[Figures, dict[str, Any]]:
    identity, curves = attacker.identity(method)
    figures = ratios(measured, method) | identity | attacker.trained(method)
    for attack in attacks:
        figures |= attacker.attack(method, attack)
    return figures, curves


def _shown(figures: Figures, curves: dict[str, Any], hidden: list[str]) -> dict[str, Any]:
    found = axes(figures, hidden)
    return {
        "figures": {name: one.as_json() for name, one in figures.items()},
        "axes": {name: one.value for name, one in found.items()},
        "axes_between": {name: one.between() for name, one in found.items()},
        "curves": curves,
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
