"""What was not measured, and why: no figure is left out in silence."""

from collections.abc import Mapping

from schemas.evaluation import MEMBERSHIP, Statistic

_TRUTH = "as ground truth with identities would say (--truth)"
_WORDS = "the judges name no vision-language model (`words`)"
_REASONS: dict[str, str] = {
    "exposed, all heights": "exposure: the judges see nobody in the sources",
    "exposed by eye": "exposure by eye: nobody looked at drawn frames (--draw, --labels)",
    "body R-1": "re-identification: it takes two people of 48 px and more",
    "head R-1": "heads: it takes two people with a head of 12 px and more",
    "face R-1": "faces: no two are seen that are large enough, or the judges name no network for them (`faces`)",
    "clothes-changing R-1": f"re-identification in other clothes: nobody is known to have two outfits, {_TRUTH}",
    "parrot R-1": "an attacker who learns from pairs: it takes two people of 48 px and more, and --attacks parrot",
    "reversal R-1": "an attacker who paints originals: it takes two people of 48 px and more, and --attacks reversal",
    "linked by looks R-1": "the same person in two published clips, by looks or gait: nobody is known to be in two "
    f"beyond the policy's scope, {_TRUTH}, or it was not asked (--attacks linkage)",
    "motion R-1": "gait: nobody's joints are known, or it was not asked (--attacks gait)",
    "outlines R-1": "gait by outlines: the judges name no network for it (`gait`)",
    "trained detector": "training on what is published: it takes two sources with people of 48 px and more",
    "depth": "depth: the judges name no network for it (`depth`)",
    "captions alike": f"captions before and after: {_WORDS}; words for colours stand in for them (attributes)",
    "answers alike": f"question answering: {_WORDS}",
    "subject consistency": "VBench's subject consistency: the judges name no network for it (`vbench.subject`)",
    "background consistency": "VBench's background consistency: the judges name none for it (`vbench.background`)",
    MEMBERSHIP: "membership of a clip in an adapter's training data: no pairs were given (--members, --strangers)",
}
_NEVER = (
    "voices, and whoever knows somebody by something that no model here looks at",
    "text in the picture: the run's own gates read it",
    "VBench's other dimensions, of which no network can be named here: motion smoothness, dynamic degree, aesthetic "
    "and imaging quality, overall consistency, and VBench-2.0's human ones",
)


_ALIKE = {"linked by gait R-1": "linked by looks R-1", "attributes": "body R-1"}


def reason(name: str) -> str:
    """Why a figure may be missing."""
    return _REASONS.get(_ALIKE.get(name, name), name)


def not_measured(figures: Mapping[str, Statistic]) -> list[str]:
    """Of all that an evaluation can say what this one does not, and why."""
    known = {name for name, one in figures.items() if one.value is not None}
    return [*(text for name, text in _REASONS.items() if name not in known), *_NEVER]
