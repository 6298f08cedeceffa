"""The evaluation's page, opened in a browser."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from operators.pages.evaluation import axis_text, tables, text, write_evaluation
from operators.pages.evaluation_charts import curves, spreads, triangles
from operators.video.encode import encode_video
from tests.browser import open_browser


def cell(value: float | None, low: float | None = None, chance: float | None = None) -> dict[str, Any]:
    high = None if low is None else 1.0
    return {"value": value, "low": low, "high": high, "chance": chance, "sources": 3, "count": 9.0}


def method(privacy: float | None, rank1: float, low: float = 0.01) -> dict[str, Any]:
    figures = {
        "body R-1": cell(rank1, low, 0.1), "head R-1": cell(rank1, 0.01, 0.1), "exposed, all heights": cell(0.0, 0.0),
        "exposed, over 96 px": cell(0.125, 0.0),
        "warping": cell(1.25), "depth": cell(None),
    }  # fmt: skip
    curves = {
        "sizes": [2, 5, 10],
        "rank1": [0.9, 0.5, rank1],
        "between": [[0.8, 1.0], [0.25, 0.75], None],
        "body": {"genuine": [0, 3, 1], "impostor": [5, 1, 0], "embedder": "likeness"},
    }
    return {
        "figures": figures,
        "axes": {"privacy": privacy, "quality": 0.5, "utility": 0.75},
        "axes_between": {"privacy": [0.25, 0.95], "quality": None, "utility": [0.5, 0.875]},
        "curves": curves,
    }


SUMMARY: dict[str, Any] = {
    "dataset": {"variant": "structhuman", "profile": "embedded", "policy": "driving", "revision": 1},
    "bodies": "the actors' own (identity.body: actor)",
    "judges": {"name": "embedded", "gates_use": ["likeness"]},
    "sources": 3, "clips": 4, "people": 9, "unmeasured": 1,
    "attacked": ["parrot"], "not_attacked": ["voices <b>"],
    "methods": {"pass-through": method(0.0, 1.0, 0.4), "blackout": method(None, 0.1), "recast": method(0.9, 0.125)},
    "questions": [
        {"question": "Singling out?", "most": "body R-1", "why": "", "figures": {"body R-1": cell(0.125, 0.01, 0.1)},
         "kept": {"place R-1": cell(1.0, 0.4, 0.1)}},
        {"question": "Linkability?", "most": None, "why": "nobody is in two", "figures": {},
         "kept": {"place R-1": cell(1.0, 0.4, 0.1)}, "most_kept": "place R-1"},
    ],
    "unseen": ["head R-1"],
    "control": ["body R-1 of pass-through is 0.1"],
}  # fmt: skip


def test_the_page_is_read_by_eye_and_by_program(tmp_path: Path) -> None:
    frames = np.full((8, 90, 160, 3), 90, np.uint8)
    video = encode_video(frames, list(range(8)), Fraction(1, 8), Fraction(8), 23, "veryfast")
    worst = [
        {"clip": "abc-000000", "exposed": 0.25, "likeness": 0.5, "videos": {"source": video, "output": video}}
    ]
    address = Path(write_evaluation(str(tmp_path), SUMMARY, worst)).absolute().as_uri()
    assert json.loads((tmp_path / "evaluation.json").read_text()) == SUMMARY
    words = (tmp_path / "evaluation.md").read_text()
    assert "the actors' own (identity.body: actor)" in words
    assert "| figure | recast | blackout | pass-through |" in words, "the dataset first, the control last"
    assert (
        "| body R-1, chance 0.100 | 0.125 (0.010 to 1.000) | 0.100 (0.010 to 1.000) | 1.000 (0.400 to 1.000) |"
        in words
    )
    assert "- **Singling out?** 0.125 (0.010 to 1.000) of those shown are found" in words
    assert (
        "- **Linkability?** Not measured of people: nobody is in two. By what is kept on purpose: 1.000"
        in words
        and "## Attacked" in words
    )
    assert "| privacy | 0.90 (0.25 to 0.95) | – | 0.00 (0.25 to 0.95) |" in words, "axes have intervals, too"
    assert "| head R-1, chance 0.100, control not told from guessing |" in words
    assert "**The control was not found: body R-1" in words and "| method | R-1 (lower) |" in words
    with open_browser() as page:
        page.show(address)
        text = page.evaluate("document.body.innerText")
        assert "voices <b>" in text and "0.125" in text
        assert "This page shows originals" in text and "Clips that could not be measured" in text
        assert page.evaluate("document.querySelectorAll('#triangle polygon.shape').length") == 2
        assert page.evaluate("document.querySelectorAll('#gallery polyline').length") == 3
        assert page.evaluate("document.querySelectorAll('#gallery polygon.band').length") == 3
        assert page.evaluate("document.querySelectorAll('.spread polyline').length") == 3
        assert (
            "The control was not found: body R-1" in text
            and "Not measured of people: nobody is in two. By what is kept" in text
        )
        assert "of their source by the place" in text and "0.25 to 0.95" in text
        rows = page.evaluate("[...document.querySelectorAll('#glance tr')].map(row => row.cells.length)")
        assert rows == [2, 2, 2, 2], "a method each, by what was measured"
        box = page.evaluate("document.querySelector('#triangle svg').getBoundingClientRect().toJSON()")
        assert box["width"] > 150 and box["height"] > 150
        page.wait("[...document.querySelectorAll('video')].every(v => v.videoWidth === 160)")
        page.screenshot(tmp_path / "page.png")
        page.show(address, width=390)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.problems == []
        assert [url for url in page.requests if not url.startswith("data:")] == [address] * 2


def test_every_figure_of_the_page_and_every_point_of_its_curves_has_its_interval() -> None:
    for name, cell_of in (("value", text), ("axis", lambda one: axis_text(one, "privacy"))):
        for one in SUMMARY["methods"].values():
            shown = cell_of(one["figures"]["body R-1"] if name == "value" else one)
            assert shown == ("–", "") or " to " in shown[1]
    for one in curves(SUMMARY["methods"]):
        assert len(one["band"].split()) == 4, "of the two sizes that have one, there and back"
    assert {line["name"] for one in spreads(SUMMARY["methods"]) for line in one["lines"]} == {
        "to who was there", "to strangers", "pass-through: to who was there",
    }  # fmt: skip


def test_what_was_not_measured_has_no_row_and_no_triangle() -> None:
    names = [row["name"] for table in tables(SUMMARY) for row in table["rows"]]
    assert "depth" not in names and "warping" in names
    assert [one["name"] for one in triangles(SUMMARY["methods"])] == ["pass-through", "recast"]
