"""Train an embedded cue model from scratch: `python -m jobs.train_cues --people PEOPLE --output OUT --task TASK`.

Tasks are segment, pose and depth; `--init` starts from another task's TASK.safetensors, which saves most of the time:
backbone and neck are the same. The result is OUT/TASK.pt, a plain ultralytics checkpoint in half precision, and its
weights alone beside it.
PEOPLE holds shards of synthetic people; nothing else is ever learnt from. The same seed and steps, which are rounded
up to whole rounds through the pictures, give the same weights on the same machine.
"""

import itertools
import math
from argparse import Namespace
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import ultralytics
import yaml
from safetensors.torch import load_file, save_file
from ultralytics import YOLO

from jobs import options
from operators.training.cue_pictures import (
    SIDE,
    crop_pictures,
    pasted_pictures,
    street_pictures,
    whole_frames,
    write_picture,
)
from operators.training.synthetic_people import MIRRORED, read_people
from operators.video.encode import decode_bytes
from operators.weights import vouched
from schemas.errors import UserError

BATCH, RATE = 8, 2e-3  # pictures a step; AdamW's learning rate at its peak
SCALE = [0.5, 0.125, 1024]  # depth, width, widest layer: half of nano's channels
YAML = {"segment": "yolo26-seg.yaml", "pose": "yolo26-pose.yaml", "depth": "yolo26-depth.yaml"}


def main(arguments: Namespace) -> int:
    """Write the dataset, unless it is there; train; strip."""
    torch.set_num_threads(arguments.threads)
    description = write_dataset(arguments)
    model = train(arguments, description)
    strip(model.trainer.ema.ema, model.ckpt, arguments.output / f"{arguments.task}.pt", arguments.task)
    return 0


def train(arguments: Namespace, description: Path) -> YOLO:
    """Run ultralytics' trainer, which then holds the averaged weights of its last step."""
    model = YOLO(str(write_architecture(arguments.task, arguments.output)))
    if arguments.init:
        model.load(known(arguments.init, arguments.output))
    model.add_callback("on_train_batch_start", Anneal())
    # A tenth faster on CPUs.
    model.add_callback("on_train_start", lambda run: run.model.to(memory_format=torch.channels_last))
    pictures = len(list((arguments.output / "dataset" / arguments.task / "images" / "train").iterdir()))
    model.train(
        data=str(description), project=str(arguments.output.resolve()), name=arguments.task, exist_ok=True,
        epochs=math.ceil(arguments.steps / math.ceil(pictures / BATCH)), seed=arguments.seed,
        device="cpu", workers=0, cache="ram", amp=False, val=False, plots=False, imgsz=SIDE,
        batch=BATCH, nbs=BATCH,  # a step per batch: few epochs are all there is
        optimizer="AdamW", lr0=RATE, lrf=1.0, warmup_epochs=0.5, warmup_bias_lr=RATE,
        scale=0.6, translate=0.1, mosaic=0.0 if arguments.task == "depth" else 0.4, close_mosaic=1,
        hsv_h=0.05, hsv_s=0.7, hsv_v=0.5, fliplr=0.5, bgr=0.1,
    )  # fmt: skip
    return model


def known(init: Path, folder: Path) -> torch.nn.Module:
    """The model whose weights are in the file TASK.safetensors. Raises UserError for another: a .pt runs code."""
    if init.suffix != ".safetensors" or init.stem not in YAML:
        remedy = f"Give TASK.safetensors of an earlier run, of: {', '.join(YAML)}"
        raise UserError(f"--init {init}", "is no task's weights", remedy)
    weights = load_file(vouched(init))
    other = YOLO(str(write_architecture(init.stem, folder))).model
    other.load_state_dict(weights)
    return other


class Anneal:
    """Cosine of the learning rate to zero by the step; ultralytics does it by the epoch, and epochs are few here."""

    steps = 0

    def __call__(self, trainer: Any) -> None:
        self.steps += 1
        share = self.steps / (trainer.epochs * len(trainer.train_loader))
        for group in trainer.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * (0.01 + 0.99 * (1 + math.cos(math.pi * min(share, 1))) / 2)


def write_architecture(task: str, folder: Path) -> Path:
    """YOLO26 with half of nano's channels and one class; boxes through NMS, whose head learns in fewer steps."""
    released = Path(ultralytics.__file__).parent / "cfg" / "models" / "26" / YAML[task]
    architecture = yaml.safe_load(released.read_text()) | {"scales": {"n": SCALE}, "nc": 1}
    if task == "depth":
        architecture["head"][-1][-1] = [48]  # channels of the decoder, which the scale leaves at 256
    else:
        architecture["end2end"] = False
    path = folder / f"yolo26n-{task}.yaml"  # ultralytics reads the scale's letter from the name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(architecture, sort_keys=False))
    return path


def write_dataset(arguments: Namespace) -> Path:
    """Pictures and labels of all tasks as files, as ultralytics reads them; returns the description of `task`."""
    folder = arguments.output / "dataset"
    if not (folder / "done").exists():
        rng = np.random.default_rng(arguments.seed)
        crops = list(read_people(arguments.people, "crops-train-*.tar"))
        pictures = [street_pictures(arguments.people, rng), crop_pictures(crops, rng)]
        if arguments.backgrounds:
            frames = decode_bytes(arguments.backgrounds.read_bytes())
            pictures.append(pasted_pictures(frames, crops, rng))
        for name, sample in itertools.chain(*pictures):
            write_picture(folder, "train", name, sample, rng)
        for name, sample in whole_frames(arguments.people, "street-val.tar", step=12):
            write_picture(folder, "val", name, sample, None)
        (folder / "done").touch()
    where = {"path": str(folder.resolve() / arguments.task), "train": "images/train", "val": "images/val"}
    labels: dict[str, Any] = {"names": {0: "person"}, "kpt_shape": [17, 3], "flip_idx": MIRRORED}
    path = folder / f"{arguments.task}.yaml"
    path.write_text(yaml.safe_dump(where | labels))
    return path


def strip(trained: torch.nn.Module, facts: dict[str, Any], target: Path, task: str) -> None:
    """Write the weights in half precision and what loading needs: no optimizer, no path of a machine.

    `facts` are those of ultralytics' checkpoint. The weights alone are written as well, beside `target`.
    """
    model = deepcopy(trained).half().to(memory_format=torch.contiguous_format)
    model.args = {"task": task, "imgsz": SIDE}
    model.yaml = {key: value for key, value in model.yaml.items() if "file" not in key}
    model.criterion, model.pt_path = None, None
    for weight in model.parameters():
        weight.requires_grad = False
    kept = {
        "epoch": -1,
        "model": model,
        "ema": None,
        "optimizer": None,
        "train_args": {"task": task, "imgsz": SIDE},
    }
    kept |= {key: facts[key] for key in ("version", "license", "docs") if key in facts}
    torch.save(kept, target)
    save_file(model.state_dict(), target.with_suffix(".safetensors"))
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = options.training_parser(__doc__, steps=50_000)
    parser.add_argument("--task", choices=list(YAML), required=True)
    parser.add_argument("--backgrounds", type=Path, help="video of real scenery without people")
    parser.add_argument("--init", type=Path, help="TASK.safetensors of another task to start from")
    options.run(main, parser)
