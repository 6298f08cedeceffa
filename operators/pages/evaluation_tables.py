"""The tables of an evaluation's page: which figures, in which order, and what each says in plain words."""

from collections.abc import Mapping
from typing import Any

# Methods by what the paper (arXiv 2606.14972, tables 1 to 3) compares them by: its column, and the figures here, of
# which the first that was measured stands in it.
_LIKE_THE_PAPER = (
    ("ID sim", "lower", ("face likeness",)),
    ("text sim", "lower", ("captions alike", "attributes")),
    ("R-1", "lower", ("body R-1",)),
    ("R-5", "lower", ("body R-5",)),
    ("mAP", "lower", ("body mAP",)),
    ("R-1, other clothes", "lower", ("clothes-changing R-1",)),
    ("mAP, other clothes", "lower", ("clothes-changing mAP",)),
    ("subject consistency", "near 1", ("subject consistency",)),
    ("background consistency", "near 1", ("background consistency",)),
    ("temporal flickering", "near 1", ("temporal flickering",)),
    ("answers", "higher", ("answers alike",)),
    ("detector", "higher", ("detector recall",)),
    ("trained on it", "higher", ("trained detector",)),
)
# Of each table: title, what it says, and its figures with what is better.
TABLES: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "Exposure",
        "Person-frames in which more than a tenth of somebody's pixels are the source's, by height, and all pixels of "
        "people; and frames drawn at random in which somebody saw anything of a person of the source.",
        [
            ("exposed, all heights", "lower"), ("exposed, under 48 px", "lower"), ("exposed, 48-96 px", "lower"),
            ("exposed, over 96 px", "lower"), ("original pixels", "lower"), ("original pixels, under 48 px", "lower"),
            ("original pixels, 48-96 px", "lower"), ("original pixels, over 96 px", "lower"),
            ("exposed by eye", "lower"),
        ],
    ),
    (
        "Identity",
        "Is somebody who is shown found among all people of the sources? R-1: at the first guess. Of several embedders "
        "the one that finds most.",
        [
            ("body R-1", "lower"), ("body R-1, 48-96 px", "lower"), ("body R-1, over 96 px", "lower"),
            ("body R-5", "lower"), ("body mAP", "lower"), ("body likeness", "lower"),
            ("body likeness of strangers", ""),
            ("head R-1", "lower"), ("head R-1, 48-96 px", "lower"), ("head R-1, over 96 px", "lower"),
            ("face R-1", "lower"), ("face R-1, 48-96 px", "lower"), ("face R-1, over 96 px", "lower"),
            ("face likeness", "lower"), ("face likeness of strangers", ""), ("clothes-changing R-1", "lower"),
            ("clothes-changing R-5", "lower"), ("clothes-changing mAP", "lower"),
            ("attributes", "lower"), ("captions alike", "lower"), ("shuffled R-1", ""),
        ],
    ),
    (
        "Attacks",
        "What somebody finds who learns from pairs, paints the original again, links what is published, or holds the "
        "adapter and asks who it learnt from (membership: how often one of those is told from a stranger).",
        [
            ("parrot R-1", "lower"), ("parrot R-5", "lower"), ("parrot mAP", "lower"), ("reversal R-1", "lower"),
            ("linked by looks R-1", "lower"), ("linked by gait R-1", "lower"), ("proportions and stride R-1", ""),
            ("motion R-1", ""), ("retargeted proportions and stride R-1", ""), ("retargeted motion R-1", ""),
            ("outlines R-1", ""),
            ("place R-1", ""), ("timestamps R-1", ""),
            ("linked with the release key", ""), ("linked with another key", ""),
            ("membership", "lower"), ("membership, 1 % false alarms", "lower"),
        ],
    ),
    (
        "Quality",
        "Over what the source has, inside the masks: 1 is as the source. Frozen and jumping are shares: of frames that "
        "stand still where the source moves, and of steps in which somebody turns into another. z: how many standard "
        "deviations of the sources' clips a clip lies above their mean, on average. VBench's dimensions are of whole "
        "frames.",
        [
            ("warping", "one"), ("flicker", "one"), ("sharpness", "one"), ("seam", "one"), ("frozen", "lower"),
            ("jumping", "lower"), ("temporal flickering", "one"), ("subject consistency", "one"),
            ("background consistency", "one"),
            ("warping z", "zero"), ("flicker z", "zero"), ("sharpness z", "zero"), ("seam z", "zero"),
            ("temporal flickering z", "zero"), ("subject consistency z", "zero"),
            ("background consistency z", "zero"),
        ],
    ),
    (
        "Utility",
        "What a detector, a pose network, optical flow and depth find where they found it in the source; and of "
        "originals' people how many a detector and a tracker find that learnt from this, over those of originals.",
        [
            ("detector recall", "higher"), ("detector recall, under 48 px", "higher"),
            ("detector recall, 48-96 px", "higher"), ("detector recall, over 96 px", "higher"),
            ("pose", "higher"), ("flow", "higher"), ("depth", "higher"),
            ("trained detector", "higher"), ("trained tracker", "higher"),
            ("answers alike", "higher"), ("masked", ""), ("lost", "lower"),
        ],
    ),
]  # fmt: skip

# What a share of means in a sentence that begins with it.
WORDS = {
    "exposed, all heights": "of people in frames are left as they were, in more than a tenth of their pixels",
    "exposed by eye": "of the frames drawn at random somebody saw something of a person of the source in",
    "body R-1": "of those shown are found at the first guess among all people of the sources, by the whole body",
    "head R-1": "of those shown are found at the first guess among all people of the sources, by the head",
    "face R-1": "of those whose face was seen are found at the first guess among all faces, by the face",
    "clothes-changing R-1": "of those shown are found at the first guess among originals in other clothes",
    "parrot R-1": "of those shown are found at the first guess by somebody who learnt from other people's pairs",
    "motion R-1": "of those shown are found at the first guess by how they move",
    "outlines R-1": "of those shown are found at the first guess by a gait network, from their outlines",
    "retargeted motion R-1": "of those shown are found by how they move, if everybody had the same body",
    "linked by looks R-1": "of those shown twice are found at the first guess in another published clip, by looks",
    "linked by gait R-1": "of those shown twice are found at the first guess in another published clip, by gait",
    "place R-1": "of published clips are told to be of their source by the place, which stays",
    "timestamps R-1": "of published clips are told to be of their source by their timestamps",
    "linked with another key": "of published clips are linked to their file by who has all files and no release key",
    "linked with the release key": "of published clips are linked to their file by who has the release key as well",
    "attributes": "of the colours of hair, top and legs are named by the same words as before",
    "captions alike": "is how alike a language model's words for somebody are before and after",
    "reversal R-1": "of those shown are found at the first guess by somebody who paints the original again",
    "membership": "is how often a source that the adapter learnt from is told from one that it did not",
}


def at_a_glance(methods: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, list[Any]]]]:
    """(column, what is better), and (method, its figures): the paper's table, of what was measured."""
    columns, cells = [], []
    for title, better, names in _LIKE_THE_PAPER:
        found = ([one["figures"].get(name) for one in methods.values()] for name in names)
        known = next((some for some in found if any(one and one["value"] is not None for one in some)), None)
        if known:
            columns.append((title, better))
            cells.append(known)
    return columns, [(name, [column[i] for column in cells]) for i, name in enumerate(methods)]
