"""The three questions that data protection asks of anonymous data (WP 216 of the European Commission, 2014)."""

from collections.abc import Collection, Mapping
from typing import Any

from operators.evaluation import by_eye
from operators.evaluation.missing import reason
from schemas.evaluation import MEMBERSHIP

# Of each question the figures of people that answer it, and what is kept on purpose and tells, too.
_ASKED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Singling out: can somebody be picked out?": (
        (
            "exposed, all heights",
            by_eye.NAME,
            "body R-1",
            "head R-1",
            "face R-1",
            "clothes-changing R-1",
            "parrot R-1",
        ),
        ("motion R-1", "retargeted motion R-1", "outlines R-1"),
    ),
    "Linkability: can two records be told to be of one person?": (
        ("linked by looks R-1", "linked by gait R-1"),
        ("place R-1", "timestamps R-1", "linked with another key", "linked with the release key"),
    ),
    "Inference: can something be learnt of who was there?": (
        ("attributes", "captions alike", "reversal R-1", MEMBERSHIP),
        (),
    ),
}


def questions(figures: Mapping[str, Mapping[str, Any]], unseen: Collection[str] = ()) -> list[dict[str, Any]]:
    """Each with the figures that answer it, `kept` on purpose or not, and which of people's tells `most` over chance;
    one of those that are `unseen`, by which not even a pass-through is found, only if there is no other.

    Where no figure of people was measured, `most` is None and `why` says why; `most_kept` is the same of what is kept.
    """
    return [
        {
            "question": question,
            "most": _most(figures, people, unseen),
            "why": "" if _known(figures, people) else "; ".join(dict.fromkeys(map(reason, people))),
            "figures": _known(figures, people),
            "kept": _known(figures, kept),
            "most_kept": _most(figures, kept, unseen),
        }
        for question, (people, kept) in _ASKED.items()
    ]


def _known(figures: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: figures[name] for name in names if name in figures and figures[name]["value"] is not None}


def _most(
    figures: Mapping[str, Mapping[str, Any]], names: tuple[str, ...], unseen: Collection[str]
) -> str | None:
    known = _known(figures, tuple(name for name in names if name not in unseen)) or _known(figures, names)
    return max(known, key=lambda name: _over_chance(known[name]), default=None)


def _over_chance(cell: Mapping[str, Any]) -> float:
    chance = cell["chance"] or 0.0
    return float((cell["value"] - chance) / max(1 - chance, 1e-9))
