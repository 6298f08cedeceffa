"""Which rungs of the ladder can help a clip that gates refused: of every gate one table says so.

Every rung draws another seed as well, and the steps before it stay: after "larger mask" a fill is as large as that is.
"""

from collections.abc import Collection, Sequence

import numpy as np

from schemas.certificate import Rung, Variant

_ANEW: frozenset[Rung] = frozenset(
    {"other seed", "larger mask", "opaque fill"}
)  # whatever is made anew matters
_MASK: frozenset[Rung] = frozenset(
    {"larger mask"}
)  # the source and its masks are compared, whatever is generated
_UNASKED: frozenset[Rung] = frozenset({"opaque fill"})  # the gate is not due where nothing is generated
_NONE: frozenset[Rung] = frozenset()  # of the file's form, which is the same whatever its frames show

HELP: dict[str, frozenset[Rung]] = {
    "nobody left": _MASK,
    "no face left": _MASK,
    "final look": _MASK,
    "listed": _MASK,
    "mask grown": _MASK,
    "mark": _UNASKED,
    "frames": _NONE,
    "timestamps": _NONE,
    "size": _NONE,
    "container": _NONE,
    "text": _ANEW,
    "copy": _ANEW,
    "blank": frozenset(
        {"other seed", "larger mask"}
    ),  # gray that was generated; what a fill adds is blank as well
    "conditioning container": _NONE,
    "conditioning copy": _MASK,
    "labels": _ANEW,
    "content": _ANEW,
    "black": _ANEW,
    "frozen": _ANEW,
    "body likeness": _ANEW,
    "head likeness": _ANEW,
    "disguise": frozenset({"larger mask", "opaque fill"}),
    "background": _ANEW,
    "nobody new": _ANEW,
    "no new face": _ANEW,
    "accepted": _NONE,
}
_BESIDE_MASKS = {
    "nobody new",
    "no new face",
}  # where StructHuman shows the source, which no seed and no fill changes


def next_rung(left: Sequence[Rung], failed: Collection[str], vain: Collection[Rung] = ()) -> Rung | None:
    """The first of the rungs `left`, without those that are in `vain`, that can help with every gate that failed; if
    only several together can, the first of these; None if some gate is past help. Of a gate that the table does not
    know nobody can tell, so each rung may help."""
    worth = [rung for rung in left if rung not in vain]
    helped = {rung: {gate for gate in failed if rung in HELP.get(gate, _ANEW)} for rung in worth}
    if whole := [rung for rung in worth if helped[rung] == set(failed)]:
        return whole[0]
    together = set().union(*helped.values()) if helped else set()
    return next((rung for rung in worth if helped[rung]), None) if together == set(failed) else None


def in_vain(
    failed: Collection[str], variant: Variant, painted: np.ndarray, made: np.ndarray, most: float, lost: bool
) -> frozenset[Rung]:
    """Rungs that cannot get this very clip through its gates, as its masks tell.

    painted, made  bool [T,H,W]: what was painted over in the source, and what is not the source's
    most           share of a frame that may be blank
    lost           nothing is to be seen in `made` as it is: it is filled, or people are disguised
    """
    vain = set[Rung]()
    if (painted & ~made).mean(axis=(1, 2)).max(initial=0) > most:
        vain.add("other seed")
    if (painted | made).mean(axis=(1, 2)).max(initial=0) > most:
        vain |= {"opaque fill", "larger mask"} if lost else {"opaque fill"}
    if variant == "structhuman" and _BESIDE_MASKS & set(failed):
        vain |= {"other seed", "opaque fill"}
    return frozenset(vain)
