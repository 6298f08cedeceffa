"""The label page in a browser: drawn frames side by side, saved only when all were looked at, as the job reads it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from operators.evaluation.by_eye import Drawn, draw, seen
from operators.pages.label import write_labels
from operators.release import reader
from schemas.arrow import to_table
from schemas.by_eye import ByEye
from schemas.clip import ClipRef
from schemas.decision import read_list
from tests.browser import Page, open_browser
from tests.cluster.toy import released
from tests.operators.pages.shown import reference, save, video
from tests.operators.pages.test_review import press, type_into


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A folder for pages about two released clips, of whom the second one's source is gone."""
    made = tmp_path_factory.mktemp("labels")
    refs = [reference(0, source), reference(1, source.with_name("gone.mp4"))]
    save(made / "out", [released(ref, video(60 + 90 * number)) for number, ref in enumerate(refs)])
    for ref in refs:  # in the file of its bucket, as jobs.plan writes it
        (made / "plan/clips").mkdir(parents=True, exist_ok=True)
        pq.write_table(to_table([ref], ClipRef), made / f"plan/clips/{ref.key[:2]}-0.parquet")
    return made


def write(folder: Path, count: int) -> tuple[str, list[Drawn]]:
    rows = reader.manifest(f"{folder}/out", ["key", "shard", "frames"]).to_pylist()
    drawn = draw({row["key"]: row["frames"] for row in rows}, count, "digest")
    shards = {row["key"]: row["shard"] for row in rows}
    page = write_labels(f"{folder}/pages", f"{folder}/plan", f"{folder}/out", drawn, shards)
    return Path(page).absolute().as_uri(), drawn


def saved(page: Page, folder: Path) -> list[ByEye]:
    """Click "Save labels" and read what was downloaded."""
    name = "labels.json"
    return read_list(ByEye, name, page.saved(folder / name), "")


def test_what_is_pressed_is_what_is_saved_and_counted(folder: Path, tmp_path: Path) -> None:
    address, drawn = write(folder, 6)
    with open_browser() as page:
        page.show(address, 1400, 1000)
        shown = page.evaluate(
            "[...document.querySelectorAll('article')].map(one => [one.dataset.key, Number(one.dataset.frame)])"
        )
        assert sorted(shown) == sorted([one.key, one.frame] for one in drawn)
        assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth == 160)")
        missing = sum(one.key == reference(1, Path("x")).key for one in drawn)
        assert 0 < missing < 6  # of these the original is gone, and that is said
        assert page.evaluate("document.images.length") == 12 - missing
        for letter in "nnsnn":
            press(page, letter)
        type_into(page, "#by", "R. V")
        page.evaluate("document.activeElement.blur()")
        assert page.evaluate("document.getElementById('save').disabled")  # one is left
        press(page, "s")
        labels = saved(page, tmp_path)
        assert [label.exposed for label in labels] == [False, False, True, False, False, True]
        assert {label.by for label in labels} == {"R. V"}
        assert seen(labels, drawn, "labels.json").value == pytest.approx(2 / 6)
        assert page.problems == [] and not [
            one for one in page.requests if not one.startswith(("file:", "data:", "blob:"))
        ]


def test_without_a_frame_there_is_nothing_to_save(folder: Path) -> None:
    address, _ = write(folder, 0)
    with open_browser() as page:
        page.show(address)
        assert page.evaluate("document.getElementById('save').disabled")
        assert "nothing to look at" in page.evaluate("document.body.textContent")
