"""The pages, opened in a browser: do the videos play in sync, and is nothing in them that must not be?"""

import base64
import json
import re
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from aiobotocore.client import AioBaseClient

from operators import storage
from operators.pages.report import _choose, write_report
from operators.pages.review import write_review
from operators.release import reader
from schemas.arrow import to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.errors import UserError
from schemas.words import UNSAID
from tests.browser import open_browser
from tests.cluster.toy import GATE, released
from tests.operators.pages.shown import FPS, SHARD, reference, save, video


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """Three released clips, one of them without people, one quarantined, one failed; and their plan beside it."""
    output = tmp_path_factory.mktemp("run") / "out"
    refs = [reference(number, source) for number in range(5)]
    rows = [
        *(released(ref, video(40 * index), video(128)) for index, ref in enumerate(refs[:2])),
        released(refs[2], video(60), video(60), diffusion_calls=0),
        QuarantinedClip(refs[3], "audit", "gate failed: copy <b>", [replace(GATE, score=2.0)], [], {}),
        FailedClip(refs[4], "decode", "2 of 30 frames cannot be decoded", "Repair it", {}),
    ]
    save(output, rows)
    (output.with_name("plan") / "clips").mkdir(parents=True)
    pq.write_table(to_table(refs, ClipRef), output.with_name("plan") / "clips" / "0.parquet")
    return output


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


MOVES = """
(async () => {
  const [left, right] = document.querySelectorAll("article video"), found = [];
  for (let i = 0; i < 40; i++) {
    await new Promise(done => setTimeout(done, 40));
    if (!left.seeking && !right.seeking) found.push([left.currentTime, right.currentTime]);
  }
  return found;
})()
"""


def test_conditioning_and_result_play_in_sync_and_nothing_else_happens(dataset: Path, tmp_path: Path) -> None:
    address = Path(write_report(str(dataset))).absolute().as_uri()
    with open_browser() as page:
        page.show(address)
        page.wait(
            "[...document.querySelectorAll('article video')].slice(0, 2).every(v => v.currentTime > .3)"
        )
        moments = np.array(page.evaluate(MOVES))
        sizes = page.evaluate(
            "[...document.querySelectorAll('article video')].slice(0, 2).map(v => v.videoWidth)"
        )
        assert sizes == [160, 160]
        assert len(moments) > 10
        assert len(np.unique(moments[:, 1])) > 5, "the result does not move"
        away = np.abs(moments[:, 0] - moments[:, 1])
        assert np.median(np.minimum(away, 3 - away)) < 1 / FPS  # 3 s: one of them may have begun anew
        page.screenshot(tmp_path / "report.png")
        assert page.problems == []
        assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [address]


def test_one_control_moves_both_videos_to_the_same_frame(dataset: Path) -> None:
    address = Path(write_report(str(dataset))).absolute().as_uri()
    videos = "[...document.querySelectorAll('article video')].slice(0, 2)"
    with open_browser() as page:
        page.show(address)
        page.wait(f"{videos}.every(v => v.currentTime > .1)")
        page.evaluate("document.querySelector('article button').click()")
        assert page.evaluate(f"{videos}.map(v => v.paused)") == [True, True]
        page.evaluate(
            "(range => { range.value = 1.5; range.dispatchEvent(new Event('input'));"
            "range.dispatchEvent(new Event('change')) })(document.querySelector('article input'))"
        )
        page.wait(f"{videos}.every(v => !v.seeking)")
        assert page.evaluate(f"{videos}.map(v => v.currentTime)") == pytest.approx([1.5, 1.5], abs=0.01)


def test_the_page_says_what_became_of_every_clip(dataset: Path) -> None:
    page = Path(write_report(str(dataset))).read_text()
    assert page.count("<article") == 3
    assert UNSAID in page and "&lt;b&gt;" not in page
    assert "2 of 30 frames cannot be decoded" in page
    assert page.count("released, nothing to replace<") == 1


def test_clips_left_out_are_counted_and_people_come_first(dataset: Path) -> None:
    page = Path(write_report(str(dataset), clips=2)).read_text()
    assert page.count("<article") == 2
    assert "released, nothing to replace" not in page
    assert "1 more released clip is" in page


def test_the_report_holds_nothing_of_the_source(dataset: Path, source: Path) -> None:
    page = Path(write_report(str(dataset))).read_text()
    assert "jane-doe" not in page
    assert "secret-place" not in page
    with tarfile.open(dataset / f"shards/{SHARD}.tar") as tar:
        published = {tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    embedded = [base64.b64decode(found) for found in re.findall(r'data-mp4="([^"]+)"', page)]
    assert len(embedded) == 6
    assert published.issuperset(embedded)


def test_the_review_shows_originals_and_leaves_the_dataset_alone(dataset: Path, tmp_path: Path) -> None:
    before = contents(dataset)
    address = write_review(str(dataset.with_name("plan")), str(dataset), str(tmp_path / "review"))
    assert contents(dataset) == before
    page = Path(address).read_text()
    assert page.count("<article") == 4  # the quarantined clip too
    assert page.count('aria-label="Original"') == 4
    assert page.count('aria-label="Result: what is released"') == 3
    assert "do not publish" in page


@pytest.mark.parametrize("inside", ["{out}/review", "{out}", "{out}/..", "{out}/a/../b"])
def test_a_review_is_never_written_into_or_around_the_dataset(dataset: Path, inside: str) -> None:
    before = contents(dataset)
    with pytest.raises(UserError, match="originals never sit beside"):
        write_review(str(dataset.with_name("plan")), str(dataset), inside.format(out=dataset))
    assert contents(dataset) == before


def test_in_an_object_store_it_is_the_same_page(dataset: Path, s3: str) -> None:
    files = fsspec.filesystem("s3")
    files.put(str(dataset), f"{s3}/report/out", recursive=True)
    files.put(str(dataset.with_name("plan")), f"{s3}/report/plan", recursive=True)
    assert write_report(f"{s3}/report/out/") == f"{s3}/report/out/report.html"
    assert files.cat(f"{s3}/report/out/report.html") == Path(write_report(str(dataset))).read_bytes()
    address = write_review(f"{s3}/report/plan", f"{s3}/report/out", f"{s3}/report/out-review")
    assert files.cat(address).count(b'aria-label="Original"') == 4
    with pytest.raises(UserError, match="originals never sit beside"):
        write_review(f"{s3}/report/plan", f"{s3}/report/out", f"{s3}/report/out/review")


def test_the_store_is_asked_to_encrypt_pages_as_the_environment_says(
    dataset: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked, of a server that has no keys of its own: it is not passed on."""
    for name in ("out", "plan"):
        storage.copy(str(dataset.with_name(name)), f"{s3}/encrypted/{name}")
    asked, call = dict[str, tuple[str, str]](), AioBaseClient._make_api_call

    async def spy(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in ("PutObject", "CreateMultipartUpload"):
            names = ("ServerSideEncryption", "SSEKMSKeyId")
            asked[parameters["Key"]] = tuple(parameters.pop(name, "") for name in names)
        return await call(self, operation, parameters)

    monkeypatch.setattr(AioBaseClient, "_make_api_call", spy)
    monkeypatch.setenv("RECAST_S3_SSE", "aws:kms")
    monkeypatch.setenv("RECAST_S3_SSE_KMS_KEY_ID", "ours")
    write_report(f"{s3}/encrypted/out")
    write_review(f"{s3}/encrypted/plan", f"{s3}/encrypted/out", f"{s3}/encrypted/review")
    pages = ("encrypted/out/report.html", "encrypted/review/review.html")
    assert asked == dict.fromkeys(pages, ("aws:kms", "ours"))
    assert all(storage.exists(s3, page) for page in pages)


def test_which_clips_are_shown_is_the_same_however_they_pass_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few at a time, as with millions, or all at once."""
    rng = np.random.default_rng(0)
    source, place = rng.integers(9, size=400), rng.permutation(400)
    columns = {
        "key": [f"k{number}" for number in range(400)],
        "shard": ["s"] * 400,
        "verdict": list(rng.choice(["released", "failed"], 400, p=[0.8, 0.2])),
        "source_hmac": [f"d{number}" for number in source],
        "first_frame": place,
        "people": rng.integers(2, size=400) * (source % 3 > 0),
    }
    table = pa.table(columns)
    for first in range(0, 400, 16):
        path = tmp_path / f"manifest/{32 * '0'}-{first:08d}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table.slice(first, 16), path)

    def due(count: int) -> list[str]:
        rows, seen = table.filter(pc.field("verdict") == "released").to_pylist(), Counter()
        for row in sorted(rows, key=lambda row: (row["source_hmac"], row["first_frame"])):
            kind = row["source_hmac"], row["people"] == 0
            row["rank"] = (row["people"] == 0, seen[kind])
            seen[kind] += 1
        rows.sort(key=lambda row: (row["rank"], row["source_hmac"], row["first_frame"]))
        shown = sorted(rows[:count], key=lambda row: (row["source_hmac"], row["first_frame"]))
        return [row["key"] for row in shown]

    for together in (1, 40, 1000):
        monkeypatch.setattr(reader.batches, "__defaults__", (None, together))
        for count in (0, 1, 8, 30, 250, 500):
            assert [row["key"] for row in _choose(str(tmp_path), count)] == due(count)


def test_a_folder_without_a_dataset_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.json"):
        write_report(str(tmp_path))


def test_a_run_that_has_not_finished_has_no_report(dataset: Path, tmp_path: Path) -> None:
    facts = json.loads((dataset / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**facts, "state": "running"}))
    with pytest.raises(UserError, match="not complete"):
        write_report(str(tmp_path))
