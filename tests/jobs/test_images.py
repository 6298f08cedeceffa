"""Folders of pictures through the real jobs: planned, anonymized, verified, given back under their names."""

import json
from pathlib import Path

import av
from PIL import Image

from tests.jobs import here
from tests.jobs.small import cut_video, settings


def test_a_folder_of_pictures_comes_back(tmp_path: Path) -> None:
    sources, plan, out, new = (str(tmp_path / name) for name in ("in", "plan", "out", "new"))
    cam = tmp_path / "in/cam"
    cam.mkdir(parents=True)
    with av.open(str(cut_video(tmp_path / "a.mp4", 12))) as container:
        for number, frame in enumerate(container.decode(video=0), start=1):
            frame.to_image().save(cam / f"{number}.jpg", quality=95)
    (cam / "7.jpg").write_bytes((cam / "7.jpg").read_bytes()[:999])
    (cam / "labels.txt").write_text("left here")
    options = settings(tmp_path)
    planned = here.job("plan", sources, "--plan", plan, *options, "--set", "policy.images.rate=5")
    assert planned.returncode == 0, planned.stderr
    assert "1 pictures cannot be decoded" in planned.stdout
    again = here.job("plan", sources, "--plan", plan, *options, "--set", "policy.images.rate=5")
    assert "nothing has changed" in again.stdout
    run = ("--plan", plan, "--output", out, *options, "--set", "policy.images.rate=5")
    done = here.job("anonymize", *run)
    assert done.returncode in (0, 1), done.stderr
    wanted = ["--plan", plan, "--source", sources, "--to", new]
    assert here.job("verify", out).returncode == 0
    given = here.job("export", out, *wanted)
    assert given.returncode == 0, given.stderr + given.stdout
    said = json.loads((tmp_path / "new/recast.json").read_text())["folders"]["cam"]
    kept = {path.name for path in (tmp_path / "new/cam").iterdir()}
    assert said["released"] == len(kept) > 0
    assert said["released"] + said["left out"] == 12
    lost = [name for one in said["unreleased"] for name in one["pictures"]]
    assert sorted([*kept, *lost]) == sorted(f"{number}.jpg" for number in range(1, 13))
    assert "7.jpg" in lost
    for name in kept:
        with Image.open(cam / name) as source, Image.open(tmp_path / "new/cam" / name) as made:
            assert (made.size, made.mode, made.format) == (source.size, source.mode, "JPEG")
    assert "left out: cam: 1 pictures: 1 pictures cannot be decoded" in given.stdout
