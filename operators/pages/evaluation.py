"""The evaluation: a page for a lawyer and an engineer, the same as Markdown and as JSON; in the restricted folder."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from operators import storage
from operators.pages.evaluation_charts import AXES, corners, curves, heights, spreads, triangles
from operators.pages.evaluation_tables import TABLES, WORDS, at_a_glance
from operators.pages.html import embedded, fitting, write_page
from operators.release.json_form import written
from schemas.evaluation import BASELINES, CONTROL, RECAST

_BLIND = "control not told from guessing"


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
        glance=at_a_glance(methods),
        triangles=list(triangles(methods)),
        corners=corners(),
        curves=list(curves(methods)),
        spreads=list(spreads(methods)),
        heights=heights(methods),
        worst=fitting(_cards(worst)),
        text=text,
        answer=answer,
        axis_text=axis_text,
        plain=WORDS,
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
                blind = name in summary.get("unseen", [])
                rows.append({"name": name, "better": better, "cells": cells, "chance": note, "blind": blind})
        made.append({"title": title, "words": words, "rows": rows})
    return made


def text(cell: Mapping[str, Any] | None) -> tuple[str, str]:
    """A figure, and its interval, as they are printed."""
    if not cell or cell["value"] is None:
        return "–", ""
    interval = "one source" if cell["low"] is None else f"{cell['low']:.3f} to {cell['high']:.3f}"
    return f"{cell['value']:.3f}", interval


def _cards(worst: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for clip in worst:
        yield {**clip, "videos": embedded(clip["videos"])}


def answer(question: Mapping[str, Any], unseen: Collection[str]) -> str:
    """A question's answer in a sentence, by the figure that tells most, and what that is worth."""
    if question["most"]:
        return _sentence(question["most"], question["figures"], unseen)
    kept = question.get("most_kept")
    what = f" By what is kept on purpose: {_sentence(kept, question['kept'], unseen)}" if kept else ""
    return f"Not measured of people: {question['why']}.{what}"


def _sentence(name: str, figures: Mapping[str, Any], unseen: Collection[str]) -> str:
    cell = figures[name]
    value, interval = text(cell)
    guess = "" if cell["chance"] is None else f", where guessing gives {cell['chance']:.3f}"
    worth = f" It says little: {_BLIND}." if name in unseen else ""
    return f"{value} ({interval}) {WORDS.get(name, name)}{guess}.{worth}"


def axis_text(method: Mapping[str, Any], axis: str) -> tuple[str, str]:
    """An axis, and the interval that its figures leave it."""
    value, between = method["axes"][axis], (method.get("axes_between") or {}).get(axis)
    interval = f"{between[0]:.2f} to {between[1]:.2f}" if between else "one source"
    return ("–", "") if value is None else (f"{value:.2f}", interval)


def _markdown(summary: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    methods = summary["methods"]
    lines = [
        "# Evaluation",
        "",
        f"{summary['sources']} sources, {summary['clips']} released clips, {summary['people']} people with a look; "
        f"{summary['unmeasured']} clips could not be measured. Judges: {summary['judges']['name']}.",
        "",
        *(f"**The control was not found: {one}.**\n" for one in summary.get("control", [])),
        f"Limb lengths and widths in the result: {summary.get('bodies', 'not stated')}.",
        "",
        "## Three questions",
        "",
        *(f"- **{one['question']}** {answer(one, summary.get('unseen', []))}" for one in summary["questions"]),
        *_table("Three axes", "axis", methods, [
            (axis, [axis_text(method, axis) for method in methods.values()]) for axis in AXES
        ]),
    ]  # fmt: skip
    columns, compared = at_a_glance(methods)
    lines += [
        "",
        "## At a glance",
        "",
        f"| method | {' | '.join(f'{name} ({better})' for name, better in columns)} |",
    ]
    lines.append(f"|{' --- |' * (len(columns) + 1)}")
    lines += [f"| {name} | {' | '.join(_cell(text(cell)) for cell in cells)} |" for name, cells in compared]
    for table in rows:
        named = [
            (
                ", ".join(filter(None, (row["name"], row["chance"], _BLIND if row["blind"] else ""))),
                list(map(text, row["cells"])),
            )
            for row in table["rows"]
        ]
        lines += _table(table["title"], "figure", methods, named, table["words"])
    lines += ["", "## Attacked", "", f"{', '.join(('exposure', 'identity', *summary['attacked']))}."]
    lines += ["", "## Not attacked", "", *(f"- {one}" for one in summary["not_attacked"])]
    return "\n".join(lines) + "\n"


def _table(
    title: str, first: str, methods: Mapping[str, Any], rows: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    words: str = "",
) -> list[str]:  # fmt: skip
    return [
        "", f"## {title}", "", *([words, ""] if words else []),
        f"| {first} | {' | '.join(methods)} |", f"|{' --- |' * (len(methods) + 1)}",
        *(f"| {name} | {' | '.join(map(_cell, cells))} |" for name, cells in rows),
    ]  # fmt: skip


def _cell(shown: tuple[str, str]) -> str:
    value, note = shown
    return f"{value} ({note})" if note else value
