"""Train an embedded cue model from scratch: `python -m jobs.train_cues --people PEOPLE --output OUT --task TASK`.

Tasks are segment, pose and depth; `--init` starts from another task's result, which saves most of the time:
backbone and neck are the same. The result is OUT/TASK.pt, a plain ultralytics checkpoint in half precision.
PEOPLE holds shards of synthetic people; nothing else is ever learnt from. The same seed and steps, which are rounded
up to whole rounds through the pictures, give the same weights on the same machine.
"""

import itertools
import math
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import ultralytics
import yaml
from ultralytics import YOLO
from ultralytics.data.converter import merge_multi_segment

from jobs import options
from operators.training.camera import degrade_picture
from operators.training.synthetic_people import MIRRORED, RenderedClip, read_people
from operators.video.encode import decode_bytes

SIDE = 320  # px of a training picture
BATCH, RATE = 8, 2e-3  # pictures a step; AdamW's learning rate at its peak
SCALE = [0.5, 0.125, 1024]  # depth, width, widest layer: half of nano's channels
YAML = {"segment": "yolo26-seg.yaml", "pose": "yolo26-pose.yaml", "depth": "yolo26-depth.yaml"}
FAR = 60.0  # m, of the shards' depth


def main(arguments: Namespace) -> int:
    """Write the dataset, unless it is there; train; strip."""
    torch.set_num_threads(arguments.threads)
    description = write_dataset(arguments)
    strip(train(arguments, description), arguments.output / f"{arguments.task}.pt", arguments.task)
    return 0


def train(arguments: Namespace, description: Path) -> Path:
    """Run ultralytics' trainer; returns its last checkpoint."""
    model = YOLO(str(write_architecture(arguments.task, arguments.output)))
    if arguments.init:
        model.load(str(arguments.init))
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
    return Path(arguments.output) / arguments.task / "weights" / "last.pt"


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


def street_pictures(data: Path, rng: np.random.Generator) -> Iterator[tuple[str, RenderedClip]]:
    """Scenes at native scale in windows mostly at a person, and whole.

    The trainer scales each by 0.4 to 1.6 and joins some in mosaics, so people are 10 to 500 px tall.
    """
    for sample in read_people(data, "street-train-*.tar"):
        for number in range(18):
            frame = sample.window(int(rng.integers(len(sample.frames))), 1)
            yield f"{sample.key}-{number}", frame.crop(*window_near_somebody(frame.masks[0], rng), SIDE, SIDE)
        for t in range(0, len(sample.frames), 6):
            yield f"{sample.key}-whole-{t}", sample.window(t, 1).resize(180, 320)


def crop_pictures(crops: list[RenderedClip], rng: np.random.Generator) -> Iterator[tuple[str, RenderedClip]]:
    """Crops enlarged, and several in a sheet."""
    for number in range(900):
        frames = [crops[i].window(int(rng.integers(17)), 1) for i in rng.integers(len(crops), size=9)]
        yield (
            f"crops-{number}",
            close_up(frames[0], rng) if number % 2 else sheet(frames, int(rng.choice([2, 3]))),
        )


def pasted_pictures(
    frames: np.ndarray, crops: list[RenderedClip], rng: np.random.Generator
) -> Iterator[tuple[str, RenderedClip]]:
    """Real scenery uint8 [T,H,W,3]: empty, and with one to four synthetic people cut out and put there."""
    height, width = frames.shape[1:3]
    for number in range(3600):
        size = min(int(rng.integers(200, 433)), height, width)
        y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
        picture = frames[int(rng.integers(len(frames))), y : y + size, x : x + size]
        picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        empty = np.zeros((1, SIDE, SIDE), np.uint8)
        sample = RenderedClip("", picture[None], empty, np.zeros((1, 0, 17, 3), np.float32), empty, [])
        for _ in range(int(rng.integers(1, 5)) if number % 2 else 0):
            crop = crops[int(rng.integers(len(crops)))].window(int(rng.integers(17)), 1)
            sample = paste(sample, crop, int(np.exp(rng.uniform(np.log(50), np.log(400)))), rng)
        yield f"pasted-{number}", sample


def paste(sample: RenderedClip, crop: RenderedClip, side: int, rng: np.random.Generator) -> RenderedClip:
    """`sample` with the crop's main person, the crop scaled to `side` pixels, anywhere, perhaps half outside."""
    crop = crop.crop(0, 0, 128, 128).resize(side, side)
    x, y = (int(v) for v in rng.integers(-side // 2, SIDE - side // 2, size=2))
    top, left = max(0, y), max(0, x)
    into = np.s_[top : y + side, left : x + side]
    body = (crop.masks[0] == 1)[top - y : SIDE - y, left - x : SIDE - x]
    frames, masks = sample.frames.copy(), sample.masks.copy()
    soft = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 0.7)[..., None]
    person = crop.frames[0, top - y : SIDE - y, left - x : SIDE - x] * rng.uniform(0.6, 1.2)
    frames[0][into] = np.clip(frames[0][into] * (1 - soft) + person * soft, 0, 255).astype(np.uint8)
    masks[0][into][body] = sample.keypoints.shape[1] + 1
    points = crop.keypoints[:, :1] + np.array([x, y, 0], np.float32)
    return RenderedClip(
        "", frames, masks, np.concatenate([sample.keypoints, points], axis=1), sample.depth, []
    )


def whole_frames(data: Path, pattern: str, step: int) -> Iterator[tuple[str, RenderedClip]]:
    """Every `step`-th frame."""
    for sample in read_people(data, pattern):
        for t in range(0, len(sample.frames), step):
            yield f"{sample.key}-{t}", sample.window(t, 1)


def window_near_somebody(mask: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Left upper corner of a window in which, five times of six, a piece of somebody lies."""
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    x, y = int(rng.integers(width)), int(rng.integers(height))
    if len(ys) and rng.random() < 5 / 6:
        i = int(rng.integers(len(ys)))
        x, y = int(xs[i] + rng.integers(-100, 100)), int(ys[i] + rng.integers(-100, 100))
    return int(np.clip(x - SIDE // 2, 0, width - SIDE)), int(np.clip(y - SIDE // 2, 0, height - SIDE))


def close_up(frame: RenderedClip, rng: np.random.Generator) -> RenderedClip:
    """Part of a crop, from head and shoulders to all of it, enlarged."""
    size = int(rng.integers(48, 129))
    ys, xs = np.nonzero(frame.masks[0] == 1)
    top, middle = (int(ys.min()), int(xs.mean())) if len(ys) else (0, 64)
    x = int(np.clip(middle - size // 2 + rng.integers(-size // 5, size // 5), 0, 128 - size))
    y = int(np.clip(top - rng.integers(0, size // 3), 0, 128 - size))
    return frame.crop(x, y, size, size).resize(SIDE, SIDE)


def sheet(frames: list[RenderedClip], rows: int) -> RenderedClip:
    """rows x rows crops side by side."""
    cell, count = SIDE // rows, 0
    merged = frames[0].resize(cell * rows, cell * rows)
    keypoints = []
    for number, frame in enumerate(frames[: rows * rows]):
        y, x = number // rows * cell, number % rows * cell
        small = frame.crop(0, 0, 128, 128).resize(cell, cell)
        part = np.s_[0, y : y + cell, x : x + cell]
        merged.frames[part], merged.depth[part] = small.frames[0], small.depth[0]
        merged.masks[part] = np.where(small.masks[0], small.masks[0] + count, 0)
        keypoints.append(small.keypoints + np.array([x, y, 0], np.float32))
        count += small.keypoints.shape[1]
    return RenderedClip(
        "sheet", merged.frames, merged.masks, np.concatenate(keypoints, axis=1), merged.depth, []
    )


def write_picture(
    folder: Path, split: str, name: str, sample: RenderedClip, rng: np.random.Generator | None
) -> None:
    """One frame with its labels for every task; degraded if `rng` is given. Depth needs a real view: no sheets."""
    polygons, poses = labels_of(sample.masks[0], sample.keypoints[0])
    picture = np.ascontiguousarray(sample.frames[0, ..., ::-1])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95 if rng is None else int(rng.choice([30, 60, 90, 95]))]
    jpeg = cv2.imencode(".jpg", picture if rng is None else degrade_picture(picture, rng), quality)[
        1
    ].tobytes()
    files: dict[str, bytes] = {}
    for task, lines in (("segment", polygons), ("pose", poses)):
        files[f"{task}/images/{split}/{name}.jpg"] = jpeg
        files[f"{task}/labels/{split}/{name}.txt"] = "\n".join(lines).encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if split == "val" or "whole" in name:
        for kind in ("images", "depth"):
            (folder / "depth" / kind / split).mkdir(parents=True, exist_ok=True)
        (folder / f"depth/images/{split}/{name}.jpg").write_bytes(jpeg)
        np.save(folder / f"depth/depth/{split}/{name}.npy", metres(sample))


def metres(sample: RenderedClip) -> np.ndarray:
    """float32 [H,W], along the view axis, of the first frame; sky counts as far."""
    inverse = 1 / FAR + sample.depth[0].astype(np.float32) / 255 * (1 / sample.near - 1 / FAR)
    return (1 / inverse).astype(np.float32)


def labels_of(mask: np.ndarray, keypoints: np.ndarray) -> tuple[list[str], list[str]]:
    """Lines of ultralytics' label files, of a polygon and of box and joints, for everyone seen at all."""
    size = np.array(mask.shape[::-1], np.float32)
    polygons, poses = [], []
    for number, points in enumerate(keypoints):
        outline = polygon(mask == number + 1)
        if outline is None:
            continue
        low, high = outline.min(axis=0), outline.max(axis=0) + 1
        box = np.concatenate([(low + high) / 2 / size, (high - low) / size])
        inside = (points[:, 2] > 0) & (points[:, :2] >= 0).all(axis=1) & (points[:, :2] < size).all(axis=1)
        joints = np.where(inside[:, None], points / [*size, 1], 0)
        polygons.append("0 " + " ".join(f"{v:.5f}" for v in ((outline + 0.5) / size).ravel()))
        poses.append("0 " + " ".join(f"{v:.5f}" for v in [*box, *joints.ravel()]))
    return polygons, poses


def polygon(mask: np.ndarray) -> np.ndarray | None:
    """Outline [K,2] in pixels, its parts joined by seams; None for fewer than a dozen pixels."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [part.reshape(-1, 2) for part in contours if cv2.contourArea(part) >= 3]
    if mask.sum() < 12 or not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(merge_multi_segment([part.ravel().tolist() for part in parts]))


def strip(trained: Path, target: Path, task: str) -> None:
    """Keep the averaged weights in half precision and what loading needs: no optimizer, no path of a machine."""
    checkpoint = torch.load(trained, map_location="cpu", weights_only=False)
    model = (checkpoint.get("ema") or checkpoint["model"]).half()
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
    kept |= {key: checkpoint[key] for key in ("version", "license", "docs") if key in checkpoint}
    torch.save(kept, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = options.training_parser(__doc__, steps=50_000)
    parser.add_argument("--task", choices=list(YAML), required=True)
    parser.add_argument("--backgrounds", type=Path, help="video of real scenery without people")
    parser.add_argument("--init", type=Path, help="checkpoint of another task to start from")
    options.run(main, parser)
