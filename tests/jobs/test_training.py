"""The training jobs on a real video: pairs through Condition, an adapter on a tiny pipeline, killed and resumed."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from jobs.finetune import finetune
from operators import storage
from operators.generation.generator import WanVaceGenerator
from operators.training.batches import Batches, samples_of
from operators.training.flow_loss import Denoising
from operators.training.pair_members import latents_from, pair_from
from operators.training.trainer import Trainee
from operators.training.vace_latents import LatentsOf
from schemas.recipe import Recipe
from tests.jobs import here
from tests.jobs.small import FRAMES, ROOT, cut_video, job, settings
from tests.jobs.train_here import train_here
from tests.tiny import settings_of

STEPS, SAVED = 36, 12


@pytest.fixture(scope="module")
def pairs(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plan`, `pairs` of a short video, and the `generator` that encoded them."""
    folder = tmp_path_factory.mktemp("training")
    cut_video(folder / "a.mp4", 15)
    options = settings(folder)
    made = here.job("plan", str(folder / "a.mp4"), "--plan", str(folder / "plan"), *options)
    assert made.returncode == 0, made.stderr
    made = job("prepare", *prepare_arguments(folder))
    assert made.returncode == 0, made.stderr
    return folder / "pairs"


def prepare_arguments(folder: Path) -> list[str]:
    """Of jobs.prepare."""
    places = ["--plan", str(folder / "plan"), "--output", str(folder / "pairs")]
    return [*places, "--latents", *settings(folder)]


def recipe(pairs: Path, **changes: object) -> Recipe:
    """The paper's, small."""
    values = {"mode": "lora", "base": str(pairs.parent / "generator"), "prediction": "flow_prediction"}
    small = {"rank": 4, "alpha": 8, "batch": 2, "rate": 0.01, "shift": 5, "ema": 0.9}
    return Recipe.model_validate({**values, **small, "steps": STEPS, "save_every": SAVED, **changes})


def test_pairs_are_what_condition_makes_of_the_video(pairs: Path) -> None:
    samples = [s for shard in sorted(pairs.glob("shards/*.tar")) for s in samples_of(shard.read_bytes(), "")]
    counts = [json.loads(path.read_text())["clips"] for path in pairs.glob("stats/*.json")]
    assert sum(sum(clips.values()) for clips in counts) == 4  # 15 frames: three windows of 5, and one short
    assert sum(clips.get("skipped: too short", 0) for clips in counts) == 1
    assert len(samples) >= 3
    encoder, beside = LatentsOf(str(pairs.parent / "generator")), list[bool]()
    for sample in samples:
        pair = pair_from(sample)
        assert pair.target.shape == pair.condition.shape == (FRAMES, 96, 64, 3) and pair.people >= 1
        assert pair.mask.any()
        beside.append(not pair.mask.all())
        unlike = np.abs(pair.target.astype(int) - pair.condition.astype(int)).max(axis=-1)
        assert np.median(unlike[pair.mask]) > 10 > np.median(unlike[~pair.mask] if beside[-1] else [0])
        stored, fresh = latents_from(sample), encoder(pair)
        assert stored is not None and set(stored) == {"x", "z", "text"}
        for name, value in stored.items():
            torch.testing.assert_close(value, fresh[name], atol=0.02, rtol=0.01)
    assert any(beside)  # so small a person's mask may fill a tube


def test_prepare_goes_on_where_it_was_interrupted(pairs: Path) -> None:
    """One shard lost, one file of a half-written one: the same command makes the same bytes, and only those."""
    before = {path: path.read_bytes() for path in pairs.rglob("*") if path.is_file()}
    stats = min(pairs.glob("stats/*.json"))
    shards = [pairs / name for name in json.loads(stats.read_text())["shards"]]
    stats.unlink()
    shards[0].write_bytes(b"half")
    untouched = {path: path.stat().st_mtime_ns for path in before if path not in [stats, *shards]}
    del untouched[pairs / "pairs.json"]
    again = here.job("prepare", *prepare_arguments(pairs.parent))
    assert again.returncode == 0, again.stderr
    assert {path: path.read_bytes() for path in pairs.rglob("*") if path.is_file()} == before
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched


def test_a_few_steps_lower_the_loss_and_change_the_adapter_only(pairs: Path) -> None:
    settings = recipe(pairs)
    trainee, batches = Trainee(settings), Batches(str(pairs), settings, 0, 1, torch.device("cpu"))
    before = {name: value.clone() for name, value in trainee.transformer.state_dict().items()}
    denoising = Denoising(settings)
    x, z, text, _ = batches.at(0)

    def loss() -> torch.Tensor:
        return denoising(trainee.transformer, x, z, text, torch.Generator().manual_seed(0))

    first = loss().item()
    for _ in range(20):
        trainee.step(loss())
    assert loss().item() < 0.95 * first
    changed = {
        n for n, value in trainee.transformer.state_dict().items() if not torch.equal(value, before[n])
    }
    assert changed and all("vace_blocks" in name and ".lora_" in name for name in changed)
    assert changed == {name for name in before if ".lora_" in name}


@pytest.mark.timeout(
    1800
)  # half a minute on an idle machine; beside other work its waits take what they take
def test_killed_and_resumed_training_has_the_same_loss_curve(s3: str, pairs: Path, tmp_path: Path) -> None:
    """On Ray Train, with everything in an object store; against a run in this process that is not interrupted."""
    settings, killed, whole = recipe(pairs), f"{s3}/training/killed", tmp_path / "whole"
    for name in storage.list_files(str(pairs)):
        storage.write_bytes(f"{s3}/training/pairs", name, (pairs / name).read_bytes())
    command = command_of(settings, f"{s3}/training/pairs", killed)
    start_and_kill(command, killed)
    before = losses(fetched(killed, tmp_path / "before"))
    assert SAVED <= max(before) < STEPS
    done = job(*command)
    assert done.returncode == 0, done.stderr
    with train_here():
        finetune(settings, str(pairs), str(whole), workers=1, use_gpu=False)

    folders = [whole, fetched(killed, tmp_path / "killed")]
    straight, resumed = (losses(folder) for folder in folders)
    assert list(straight) == list(range(1, STEPS + 1)) and len(list((folders[1] / "logs").iterdir())) == 2
    assert resumed == straight
    adapters = [load_file(folder / "adapter.safetensors") for folder in folders]
    assert adapters[0] and adapters[0].keys() == adapters[1].keys()
    assert all(torch.equal(value, adapters[1][name]) for name, value in adapters[0].items())
    path = str(folders[1] / "adapter.safetensors")
    generator = WanVaceGenerator(settings_of(settings.base, window=9, overlap=1, adapter=path))
    assert generator.pipeline.get_active_adapters()


def fetched(output: str, folder: Path) -> Path:
    """A copy here of what lies in an object store."""
    for name in storage.list_files(output):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(storage.read_bytes(output, name))
    return folder


def distill(pairs: Path, output: Path, **changes: object) -> list[str]:
    """Arguments of the job, of a teacher that takes eight steps."""
    teacher = {
        "weights": pairs.parent / "generator",
        "steps": 8,
        "guidance": 2,
        "window": FRAMES,
        "overlap": 1,
    }
    values = {f"profile.generator.{name}": value for name, value in teacher.items()}
    values |= {"rank": 4, "alpha": 4, "batch": 2, "steps": 3, "save_every": 2, **changes}
    return ["--recipe", "distill", "--pairs", str(pairs), "--output", str(output), *sets(values)]


def test_a_profiles_generator_is_distilled_to_what_generation_loads(pairs: Path, tmp_path: Path) -> None:
    with train_here():
        done = job("finetune", *distill(pairs, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out/distilled.safetensors"
    assert {name.split(".")[1] for name in load_file(path)} == {"blocks", "vace_blocks"}
    few = {"steps": 4, "guidance": 1, "scheduler": "euler", "window": FRAMES, "overlap": 1}
    plain, student = (
        WanVaceGenerator(settings_of(pairs.parent / "generator", **few, distilled=file))
        for file in ("", str(path))
    )
    before, after = (one.pipeline.transformer.state_dict() for one in (plain, student))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    shape = (FRAMES, 48, 32)
    asked = np.full((*shape, 3), 128, np.uint8), np.ones(shape, bool), "red top", 1
    made = student(*asked)
    assert made.shape == (*shape, 3) and made.dtype == np.uint8 and not np.array_equal(made, plain(*asked))
    assert sorted(losses(tmp_path / "out")) == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile.generator.steps": 6}, "6 steps are no multiple of 4"),
        (
            {"profile.generator.mode": "whole_frame", "profile.generator.people": "diffusion"},
            "show tubes, and",
        ),
        ({"profile.generator.adapter": "nowhere.safetensors"}, "nowhere.safetensors"),
        ({"mode": "lora", "base": "here"}, "is nothing that mode lora asks for"),
    ],
    ids=str,
)
def test_what_cannot_be_distilled_is_refused(
    pairs: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    done = job("finetune", *distill(pairs, tmp_path / "out", **changes))
    assert done.returncode == 2 and said in done.stderr


def command_of(settings: Recipe, pairs: str, output: str) -> list[str]:
    """Arguments of the job, after `python -m jobs.`."""
    return ["finetune", "--pairs", pairs, "--output", output, *sets(settings.model_dump(exclude_none=True))]


def sets(values: Mapping[str, object]) -> list[str]:
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


def start_and_kill(arguments: list[str], output: str) -> None:
    """Kill -9 the job and all of its Ray as soon as there is a checkpoint, however long that takes."""
    command = [sys.executable, "-m", f"jobs.{arguments[0]}", *arguments[1:]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        try:
            while not any(name.endswith("weights.safetensors") for name in storage.list_files(output)):
                assert driver.poll() is None, "it ended without a checkpoint"
                time.sleep(0.02)
        finally:
            for process in [*psutil.Process(driver.pid).children(recursive=True), driver]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def losses(folder: Path) -> dict[int, float]:
    """By step, of all logs; what a run repeated after its interruption must come out the same."""
    found: dict[int, float] = {}
    for path in sorted((folder / "logs").iterdir()):
        events = EventAccumulator(str(path))
        events.Reload()
        for event in events.Scalars("loss"):
            assert found.setdefault(event.step, event.value) == event.value
    return found
