"""No file of a shard says more than is due: foreign words and numbers are found in records, tables, stats and names.

Whoever wrote them may have had the key; so all is made to fit, and only what is said can show it.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from operators.release import parquet_form
from operators.release.json_form import written
from operators.release.layout import files_of
from operators.video.encode import conditioning_size, encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.manifest import ManifestRow, QuarantineRow
from tests.cluster import toy
from tests.operators.release.shard_bytes import (
    MANY,
    NAME,
    PATHS,
    SECRET,
    Files,
    problems,
    record_with,
    shard,
    table_of,
)


@pytest.fixture
def files() -> Files:
    return shard()


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(note=SECRET),
        lambda record: record.update(signature=SECRET),
        lambda record: record.update(width=64.0),
        lambda record: record.update(first_frame=20260314),
        lambda record: record.update(time_base=[1, 5120, 20260314]),
        lambda record: record.update(time_base=[True, 5120]),
        lambda record: record.update(sample_aspect=[1, 1, 20260314]),
        lambda record: record.update(sample_aspect=[1.0, 1]),
        lambda record: record.update(
            sample_aspect=[MANY, MANY]
        ),  # and all else that says the same in larger numbers
        lambda record: record.update(time_base=[MANY * each for each in record["time_base"]]),
        lambda record: record.update(
            time_base=[1, MANY * record["time_base"][1]],
            timestamps=[MANY * moment for moment in record["timestamps"]],
        ),
        lambda record: record.update(
            time_base=[1, 7 * record["time_base"][1]], timestamps=[7 * one for one in record["timestamps"]]
        ),
        lambda record: record.update(pictures={"by": SECRET}),
        lambda record: record.update(pictures={"deinterlaced": SECRET}),
        lambda record: record.update(pictures=SECRET),
        lambda record: record.update(timestamps=[SECRET, *record["timestamps"][1:]]),
        lambda record: record.update(timestamps=[-t for t in record["timestamps"]]),
        lambda record: record["certificate"].update(note=SECRET),
        lambda record: record["certificate"].update(seed_commitment=SECRET),
        lambda record: record["certificate"].update(code_version=SECRET),
        lambda record: record["certificate"].update(weights_digest=""),
        lambda record: record["certificate"]["gates"][0].update(score=0),
        lambda record: record["certificate"]["gates"][0].update(note=SECRET),
        lambda record: record["certificate"]["gates"].append(
            {"name": SECRET, **record["certificate"]["gates"][0]}
        ),
    ],
)
def test_a_record_says_what_is_due_alone(files: Files, change: Callable[[dict[str, Any]], object]) -> None:
    record_with(files, change)
    assert any(".tar: " in problem for problem in problems(files))


def test_the_record_tool_changes_nothing_itself(files: Files) -> None:
    before = dict(files)
    record_with(files, lambda record: None)
    assert files == before and problems(files) == []


def stats_with(files: Files, **more: Any) -> None:
    files[PATHS["stats"]] = written(json.loads(files[PATHS["stats"]]) | more)


@pytest.mark.parametrize(
    "more", [{"note": SECRET}, {"settings": {"by": SECRET}}, {"signature": SECRET}, {"people": 3.0}]
)
def test_stats_say_what_is_due_alone(files: Files, more: dict[str, Any]) -> None:
    stats_with(files, **more)
    assert any(PATHS["stats"] in problem for problem in problems(files))


@pytest.mark.parametrize("name", ["JANE ROE", "A" * 32 + "-00000000", "0" * 32 + "-٠٠٠٠٠٠٠٠", NAME + "0"])
def test_no_shard_is_called_otherwise(files: Files, name: str) -> None:
    renamed = {path.replace(NAME, name): data for path, data in files.items()}
    rows = [replace(row, shard=name) for row in from_table(table_of(files[PATHS["manifest"]]), ManifestRow)]
    renamed[files_of(name)["manifest"]] = parquet_form.written(to_table(rows, ManifestRow))
    stats = json.loads(files[PATHS["stats"]])
    stats |= {"name": name, "files": {path.replace(NAME, name): {} for path in stats["files"]}}
    renamed[files_of(name)["stats"]] = written(stats)
    assert problems(renamed, name) == [f"{files_of(name)['stats']}: has the name of no shard"]


@pytest.mark.parametrize(
    "key",
    [
        SECRET,
        "0" * 20,
        "0" * 20 + "-٠٠٠٠٠٠",
        "A" * 20 + "-000000",
        f"{'0' * 20}-{MANY}",
        "0" * 20 + "-0000007",
    ],
)
def test_no_clip_is_called_otherwise(key: str) -> None:
    files = shard(lambda ref: toy.ended(replace(ref, key=key) if ref.clip_id == 2 else ref))
    assert f"{PATHS['manifest']}: has keys that no clip has" in problems(files)


def test_the_conditioning_has_the_clips_moments() -> None:
    """A recorder's clock, or a name as distances, would fit there as well as into the clip."""

    def late(ref: Any) -> toy.Ended:
        frames = np.random.default_rng(0).integers(0, 255, (ref.frames, ref.height, ref.width, 3), np.uint8)
        moments = [0, 512, 1024, 1537, 2048]
        shown = encode_video(frames, moments, Fraction(1, 5120), Fraction(10), 40, "ultrafast")
        return toy.released(ref, toy.noise(ref), shown) if ref.clip_id > 1 else toy.ended(ref)

    found = problems(shard(late))
    assert len(found) == 3 and all("condition.mp4: has other timestamps" in problem for problem in found)


@pytest.mark.parametrize(
    ("clip", "shown", "aspect"),
    [
        ((64, 48), (640, 480), 1),
        ((64, 48), (48, 64), 1),
        ((64, 48), (62, 48), 1),
        ((64, 48), (64, 48), Fraction(4, 3)),
        ((1280, 720), (1280, 720), 1),
        ((1280, 720), (640, 358), 1),
        ((65, 47), (66, 48), 1),
    ],
)
def test_the_conditioning_has_the_clips_size_as_condition_makes_it(
    clip: tuple[int, int], shown: tuple[int, int], aspect: Fraction | int
) -> None:
    """Another is somebody else's video, or says a number."""

    def conditioned(shown: tuple[int, int], aspect: Fraction | int) -> list[str]:
        def ended(number: Any) -> toy.Ended:
            ref = replace(number, width=clip[0], height=clip[1])
            if ref.clip_id != 2:
                return toy.ended(number)
            frames = np.zeros((ref.frames, shown[1], shown[0], 3), np.uint8)
            moments = ref.pts[ref.overlap :]
            made = encode_video(frames, moments, ref.time_base, ref.fps, 40, "ultrafast", Fraction(aspect))
            return toy.released(ref, toy.noise(ref), made)

        return problems(shard(ended))

    assert conditioned(conditioning_size(*clip), 1) == []
    (found,) = conditioned(shown, aspect)
    assert "condition.mp4: is not of the recorded size" in found


def rows_with(files: Files, folder: str, case: type, verdict: str, **more: Any) -> None:
    """Set fields of the first row with that verdict, and let the table be as written."""
    rows = from_table(table_of(files[PATHS[folder]]), case)
    number = next(n for n, row in enumerate(rows) if row.verdict == verdict)
    rows[number] = replace(rows[number], **more)
    files[PATHS[folder]] = parquet_form.written(to_table(rows, case))


@pytest.mark.parametrize("verdict", ["quarantined", "failed"])
@pytest.mark.parametrize(
    "more",
    [
        {"reason": SECRET},
        {"reason": "the source cannot be decoded (JANE ROE)"},
        {"reason": "gate failed: JANE ROE"},
        {"stage": SECRET},
        {"sha256": SECRET},
        {"sha256": SECRET.encode().hex().ljust(64, "0")},
        {"record_sha256": SECRET},
        {"condition_sha256": SECRET},
        {"source_hmac": SECRET},
        {"video_bytes": 20260314082653},
        {"people": 1205},
        {"tracks": 1205},
        {"width": 1 << 40},
        {"height": -1205},
        {"fps_num": 1 << 40},
        {"fps_den": 0},
        {"fps_num": 30 * 1205, "fps_den": 1205},
        {"first_frame": -1205},
        {"first_frame": 20260314082653},
        {"frames": -1205},
        {"window": 1 << 40},
        {"frames": 6, "window": 5},
        {"seconds": {"audit": -20260314.0}},
        {"bypassed": True},
        {"seconds": {SECRET: 1.0}},
        {"steps": [Step("other seed", SECRET)]},
        {"steps": [Step("other seed", "audit: gate failed: copy", "", SECRET)]},
        {"steps": [Step("accept", "see /videos/Monday.mp4", "R. Viewer", "0" * 64)]},
        {"steps": [Step("accept", "fine", "jane@example.org", "0" * 64)]},
    ],
)
def test_of_what_was_not_released_the_manifest_says_what_is_due_alone(
    files: Files, verdict: str, more: dict[str, Any]
) -> None:
    rows_with(files, "manifest", ManifestRow, verdict, **more)
    if more.keys() & {"reason", "stage"}:
        rows_with(files, "quarantine", QuarantineRow, verdict, **more)
    found = problems(files)
    assert any(
        "says what is not to be said" in problem or "states other counts" in problem for problem in found
    )
    if not more.keys() & {
        "people",
        "tracks",
        "bypassed",
        "seconds",
        "frames",
    }:  # which have to add up as well
        assert any("says what is not to be said" in problem for problem in found)


@pytest.mark.parametrize(
    "more",
    [
        {"remedy": SECRET},
        {"gates": SECRET},
        {"gates": json.dumps([{"name": SECRET}])},
        {"gates": "[ ]"},
        {
            "gates": json.dumps(
                [
                    {
                        "name": "copy",
                        "measure": SECRET,
                        "score": "0.0",
                        "threshold": 1.0,
                        "direction": "at most",
                    }
                ]
            )
        },
        {"output_hmac": SECRET},
    ],
)
def test_nor_does_the_quarantine(files: Files, more: dict[str, Any]) -> None:
    rows_with(files, "quarantine", QuarantineRow, "quarantined", **more)
    assert any("says what is not to be said" in problem for problem in problems(files))


@pytest.mark.parametrize(
    "more",
    [
        {"video_bytes": 20260314082653},
        {"margin": 0.20260314},
        {"reason": "not one frame can be decoded"},
        {"seconds": {"audit": 1.0, SECRET: 0.0}},
    ],
)
def test_nor_the_manifest_of_what_was_released(files: Files, more: dict[str, Any]) -> None:
    rows_with(files, "manifest", ManifestRow, "released", **more)
    assert problems(files)


def test_how_close_a_gate_was_is_what_the_gates_say(files: Files) -> None:
    rows_with(files, "manifest", ManifestRow, "quarantined", margin=0.20260314)
    assert any("in margin" in problem for problem in problems(files))


def with_measure(record: dict[str, Any]) -> None:
    record["certificate"]["gates"][0]["measure"] = SECRET


def test_a_gate_measures_what_it_measures(files: Files) -> None:
    record_with(files, with_measure)
    assert any("measures something else" in problem for problem in problems(files))
