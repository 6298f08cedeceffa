"""The evaluation: a page for a lawyer and an engineer, the same as Markdown and as JSON; in the restricted folder."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operators import storage
from operators.pages.html import embedded, fitting, write_page
from operators.release.json_form import written
from schemas.evaluation import BASELINES, CONTROL, RECAST

AXES = ("privacy", "quality", "utility")
# Of each table: title, what it says, and its figures with what is better.
TABLES: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "Exposure",
        "Person-frames in which more than a tenth of somebody's pixels are the source's, by height, and all pixels of "
        "people; and frames drawn at random in which somebody saw anything of a person of the source.",
        [
            ("exposed, all heights", "lower"), ("exposed, under 48 px", "lower"), ("exposed, 48-96 px", "lower"),
            ("exposed, over 96 px", "lower"), ("original pixels", "lower"), ("exposed by eye", "lower"),
        ],
    ),
    (
        "Identity",
        "Is somebody who is shown found among all people of the sources? R-1: at the first guess. Of several embedders "
        "the one that finds most.",
        [
            ("body R-1", "lower"), ("body R-1, 48-96 px", "lower"), ("body R-1, over 96 px", "lower"),
            ("body mAP", "lower"), ("head R-1", "lower"), ("face R-1", "lower"),
            ("face likeness", "lower"), ("face likeness of strangers", ""), ("clothes-changing R-1", "lower"),
            ("clothes-changing mAP", "lower"), ("body likeness", "lower"), ("body likeness of strangers", ""),
            ("attributes", "lower"), ("shuffled R-1", ""),
        ],
    ),
    (
        "Attacks",
        "What somebody finds who learns from pairs, paints the original again, links what is published, or holds the "
        "adapter and asks who it learnt from (membership: how often one of those is told from a stranger).",
        [
            ("parrot R-1", "lower"), ("parrot mAP", "lower"), ("reversal R-1", "lower"),
            ("linked by looks R-1", "lower"), ("linked by gait R-1", "lower"), ("proportions and stride R-1", ""),
            ("motion R-1", ""), ("retargeted proportions and stride R-1", ""), ("retargeted motion R-1", ""),
            ("place R-1", ""), ("timestamps R-1", ""),
            ("linked with the release key", ""), ("linked with another key", ""),
            ("membership", "lower"), ("membership, 1 % false alarms", "lower"),
        ],
    ),
    (
        "Quality",
        "Over what the source has, inside the masks: 1 is as the source. Frozen is a share. z: how many standard "
        "deviations of the sources' clips a clip lies above their mean, on average.",
        [
            ("warping", "one"), ("flicker", "one"), ("sharpness", "one"), ("seam", "one"), ("frozen", "lower"),
            ("warping z", "zero"), ("flicker z", "zero"), ("sharpness z", "zero"), ("seam z", "zero"),
        ],
    ),
    (
        "Utility",
        "What a detector, a pose network, optical flow and depth find where they found it in the source; and of "
        "originals' people how many a detector and a tracker find that learnt from this, over those of originals.",
        [
            ("detector recall", "higher"), ("pose", "higher"), ("flow", "higher"), ("depth", "higher"),
            ("trained detector", "higher"), ("trained tracker", "higher"), ("masked", ""), ("lost", "lower"),
        ],
    ),
]  # fmt: skip


def write_evaluation(report: str, summary: Mapping[str, Any], worst: Sequence[Mapping[str, Any]]) -> str:
    """Write REPORT/evaluation.html, .md and .json; returns the page's address.

    `worst` are clips: key, exposed, likeness, and videos `source` and `output` as mp4.
    """
    storage.write_bytes(report, "evaluation.json", written(summary))
    order = (RECAST, *BASELINES, CONTROL)
    methods = {name: summary["methods"][name] for name in order if name in summary["methods"]}
    summary = {**summary, "methods": methods}
    rows = tables(summary)
    storage.write_bytes(report, "evaluation.md", _markdown(summary, rows).encode())
    return write_page(
        report,
        "evaluation.html",
        "evaluation.html.j2",
        summary=summary,
        tables=rows,
        axes=AXES,
        triangles=list(triangles(summary["methods"])),
        corners=[_place(i, 1.0) for i in range(3)],
        curves=list(_curves(summary["methods"])),
        heights=_heights(summary["methods"]),
        worst=fitting(_cards(worst)),
        text=text,
    )


def tables(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Title, words, and a row per figure that was measured: its name, and each method's."""
    made = []
    for title, words, names in TABLES:
        rows = []
        for name, better in names:
            cells = [method["figures"].get(name) for method in summary["methods"].values()]
            if any(cell and cell["value"] is not None for cell in cells):
                chance = next((cell["chance"] for cell in cells if cell and cell["chance"] is not None), None)
                note = "" if chance is None else f"chance {chance:.3f}"
                rows.append({"name": name, "better": better, "cells": cells, "chance": note})
        made.append({"title": title, "words": words, "rows": rows})
    return made


def text(cell: Mapping[str, Any] | None) -> tuple[str, str]:
    """A figure, and its interval, as they are printed."""
    if not cell or cell["value"] is None:
        return "–", ""
    interval = "one source" if cell["low"] is None else f"{cell['low']:.3f} to {cell['high']:.3f}"
    return f"{cell['value']:.3f}", interval


def _place(axis: int, share: float) -> tuple[float, float]:
    """Of a share of an axis, in a drawing of 320 x 280 whose middle is the origin of all three."""
    angle = math.radians(-90 + 120 * axis)
    return round(160 + 120 * share * math.cos(angle), 1), round(155 + 120 * share * math.sin(angle), 1)


def triangles(methods: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A triangle for each method of which all axes are known."""
    for number, (name, method) in enumerate(methods.items()):
        values = [method["axes"][axis] for axis in AXES]
        if None not in values:
            points = " ".join(f"{x},{y}" for x, y in (_place(i, value) for i, value in enumerate(values)))
            yield {"name": name, "points": points, "values": values, "number": number}


def _curves(methods: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """R-1 against the gallery's size on a logarithmic axis, 320 x 200."""
    largest = max((size for one in methods.values() for size in one["curves"].get("sizes", [])), default=2)
    for number, (name, method) in enumerate(methods.items()):
        known = list(zip(method["curves"].get("sizes", []), method["curves"].get("rank1", []), strict=True))
        places = [
            (
                round(40 + 260 * math.log(size / 2) / max(math.log(largest / 2), 1e-9), 1),
                round(170 - 150 * value, 1),
            )
            for size, value in known
        ]
        if places:
            points = " ".join(f"{x},{y}" for x, y in places)
            yield {"name": name, "number": number, "points": points, "last": known[-1], "largest": largest}


def _heights(methods: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bars of exposure by height for each method, 0 to 1."""
    names = ("under 48 px", "48-96 px", "over 96 px")
    found = []
    for name in names:
        cells = {method: one["figures"].get(f"exposed, {name}") for method, one in methods.items()}
        known = {method: cell for method, cell in cells.items() if cell and cell["value"] is not None}
        if known:
            found.append({"name": name, "methods": known})
    return found


def _cards(worst: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for clip in worst:
        yield {**clip, "videos": embedded(clip["videos"])}


def _markdown(summary: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    methods = list(summary["methods"])
    lines = [
        "# Evaluation",
        "",
        f"{summary['sources']} sources, {summary['clips']} released clips, {summary['people']} people with a look; "
        f"{summary['unmeasured']} clips could not be measured. Judges: {summary['judges']['name']}.",
        "",
        f"Limb lengths and widths in the result: {summary.get('bodies', 'not stated')}.",
        "",
        f"| axis | {' | '.join(methods)} |",
        f"|{' --- |' * (len(methods) + 1)}",
    ]
    for axis in AXES:
        values = [summary["methods"][method]["axes"][axis] for method in methods]
        lines.append(f"| {axis} | {' | '.join('–' if one is None else f'{one:.2f}' for one in values)} |")
    for table in rows:
        lines += ["", f"## {table['title']}", "", table["words"], "", f"| figure | {' | '.join(methods)} |"]
        lines.append(f"|{' --- |' * (len(methods) + 1)}")
        for row in table["rows"]:
            cells = [
                " ".join(filter(None, (value, f"({note})" if note else "")))
                for value, note in map(text, row["cells"])
            ]
            name = f"{row['name']}, {row['chance']}" if row["chance"] else row["name"]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "## Not attacked", "", *(f"- {one}" for one in summary["not_attacked"])]
    return "\n".join(lines) + "\n"
