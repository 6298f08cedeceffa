"""A folder of awkward videos through the real jobs: each ends as released or as one clear record."""

import json
from fractions import Fraction
from pathlib import Path

import pyarrow.dataset as arrow_dataset
import pytest
import webdataset

from operators.video.encode import inspect_video
from tests.jobs import here
from tests.jobs.small import settings
from tests.videos import pictures, write, write_audio

# The pictures show nobody. Whom a detector sees in their noise is not what this is about, and each further try of the
# large one takes minutes.
NOBODY = {
    "mask.start_confidence": 0.95,
    "gates.grow_confidence": 0.97,
    "gates.residual_confidence": 0.98,
    "gates.final_confidence": 0.98,
}

BAD = {
    "empty": "empty",
    "truncated": "no readable video",
    "text": "no readable video",
    "audio": "no video stream",
}


def make_folder(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Good and bad videos; returns (frames, width, height) of the good ones, as displayed."""
    folder.mkdir()
    write(folder / "plain.mp4", pictures(8))
    write(folder / "one-frame.mp4", pictures(1))
    write(folder / "odd.mp4", pictures(5, 143, 175), pix_fmt="yuv444p")
    write(folder / "turned.mp4", pictures(5), rotation=90)
    write(
        folder / "variable.mp4",
        pictures(5),
        time_base=Fraction(1, 600),
        pts=[n * 60 + n * n for n in range(5)],
    )
    write(folder / "ten-bit.mp4", pictures(5), pix_fmt="yuv420p10le")
    write(folder / "gray.mp4", pictures(5), pix_fmt="gray")
    write(folder / "large.mp4", pictures(1, 720, 2560), options={"preset": "ultrafast"})
    whole = (folder / "plain.mp4").read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "text.mp4").write_text("this is not a video\n" * 50)
    write_audio(folder / "audio.mp4")
    (folder / "notes.txt").write_text("no video, and no business of ours")
    same = (128, 96)
    return {
        "plain": (8, *same),
        "one-frame": (1, *same),
        "odd": (5, 175, 143),
        "turned": (5, 96, 128),
        "variable": (5, *same),
        "ten-bit": (5, *same),
        "gray": (5, *same),
        "large": (1, 2560, 720),  # more than one tile of whoever looks at tiles, either way
    }


@pytest.mark.timeout(1200)
def test_one_bad_file_never_stops_the_others(tmp_path: Path) -> None:
    good = make_folder(tmp_path / "videos")
    plan, output, options = tmp_path / "out.plan", tmp_path / "out", settings(tmp_path, clips_per_shard=8)
    options += [part for name, value in NOBODY.items() for part in ("--set", f"policy.{name}={value}")]
    planned = here.job("plan", str(tmp_path / "videos"), "--plan", str(plan), *options)
    assert planned.returncode == 0, planned.stderr
    for name, what in BAD.items():  # who plans is told which file, what, and what to do
        assert any(f"{name}.mp4" in line and what in line for line in planned.stdout.splitlines()), name

    ran = here.job("anonymize", "--plan", str(plan), "--output", str(output), *options)
    assert ran.returncode == 0, ran.stderr
    proved = here.job("verify", str(output))
    assert proved.returncode == 0, proved.stdout + proved.stderr

    dataset = json.loads((output / "dataset.json").read_text())
    assert dataset["failed"]["clips"] == len(BAD)
    assert dataset["planned"]["frames"] == sum(frames for frames, *_ in good.values())
    records = arrow_dataset.dataset(output / "quarantine", format="parquet").to_table().to_pylist()
    failed = [record for record in records if record["verdict"] == "failed"]
    assert len(failed) == len(BAD)
    assert all(record["reason"] and record["remedy"] for record in failed)

    shapes = sorted(released_shapes(output))
    assert dataset["quarantined"]["clips"] == 0, records
    expected = [
        (part, w, h) for frames, w, h in good.values() for part in ([5, 3] if frames == 8 else [frames])
    ]
    assert shapes == sorted(expected)


def released_shapes(output: Path) -> list[tuple[int, int, int]]:
    """(frames, width, height) of every released video, from its own bytes."""
    shards = [str(path) for path in sorted((output / "shards").glob("*.tar"))]
    facts = [inspect_video(sample["mp4"]) for sample in webdataset.WebDataset(shards, shardshuffle=False)]
    return [(len(fact.pts), fact.width, fact.height) for fact in facts]


def test_a_place_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = here.job("plan", str(tmp_path / "nothing"), "--plan", str(tmp_path / "plan"))
    assert ran.returncode == 2
    assert "does not exist" in ran.stderr
    assert "Traceback" not in ran.stderr
    ran = here.job("anonymize", "--plan", str(tmp_path / "nothing"), "--output", str(tmp_path / "out"))
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
