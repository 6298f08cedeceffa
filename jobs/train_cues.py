"""Train the embedded cue models from scratch: `python -m jobs.train_cues --data PEOPLE --out DIR --task TASK`.

    segment   instance masks          pose   17 keypoints          depth   metres

All three are ultralytics YOLO26 of a quarter of nano's convolutions, trained by ultralytics' own trainer on
pictures cut from the synthetic people; `--start` takes over the weights of another task. Sheets of crops give many
people at many scales, street scenes the small ones and pictures without anybody. Nothing real is ever learnt from.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from operators.people import Sample, read_people

SIDE = 320  # px of a training picture
SUFFIX = {"segment": "seg", "pose": "pose", "depth": "depth"}
MIRRORED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]  # left and right joints swapped
WIDTH = 0.125  # of YOLO26's channels; nano has 0.25


def write_pictures(data: Path, out: Path, task: str, seed: int) -> Path:
    """Pictures and labels in ultralytics' layout; returns its data.yaml."""
    rng = np.random.default_rng(seed)
    streets, crops = list(read_people(data, "street-train-*.tar")), list(read_people(data, "crops-train-*.tar"))
    pictures = [cut_street(sample, rng) for sample in streets for _ in range(10)]
    pictures += [make_sheet(crops, rng) for _ in range(500)]
    for number, picture in enumerate(pictures):
        write_picture(out, "train", f"{number:05d}", picture, task)
    for sample in read_people(data, "street-val.tar"):
        for frame in range(0, len(sample.frames), 6):
            write_picture(out, "val", f"{sample.key}-{frame:02d}", sample.window(frame, 1), task)
    settings = {"path": str(out), "train": "images/train", "val": "images/val", "names": {0: "person"}}
    if task == "pose":
        settings |= {"kpt_shape": [17, 3], "flip_idx": MIRRORED}
    (out / "data.yaml").write_text(yaml.safe_dump(settings))
    return out / "data.yaml"


def cut_street(sample: Sample, rng: np.random.Generator) -> Sample:
    """A square of a street frame at its own scale, mostly where people are."""
    frame = sample.window(int(rng.integers(len(sample.frames))), 1)
    height, width = frame.frames.shape[1:3]
    y, x = int(rng.integers(height)), int(rng.integers(width))
    rows, columns = np.nonzero(frame.masks[0])
    if len(rows) and rng.random() < 0.85:
        point = int(rng.integers(len(rows)))
        y, x = rows[point] + int(rng.integers(-100, 100)), columns[point] + int(rng.integers(-100, 100))
    left, top = int(np.clip(x - SIDE // 2, 0, width - SIDE)), int(np.clip(y - SIDE // 2, 0, height - SIDE))
    return frame.crop(left, top, SIDE, SIDE)


def make_sheet(crops: list[Sample], rng: np.random.Generator) -> Sample:
    """One, four or nine crops side by side: people from a quarter of the picture's height to all of it."""
    cells = int(rng.choice([1, 2, 2, 3]))
    side = SIDE // cells
    frames = np.full((1, SIDE, SIDE, 3), 114, np.uint8)
    masks, depth = np.zeros((1, SIDE, SIDE), np.uint8), np.zeros((1, SIDE, SIDE), np.uint8)
    keypoints, people = [], []
    for cell in range(cells * cells):
        sample = crops[int(rng.integers(len(crops)))]
        part = sample.window(int(rng.integers(len(sample.frames))), 1).resize(side, side)
        y, x = cell // cells * side, cell % cells * side
        place = np.s_[:, y : y + side, x : x + side]
        frames[place], depth[place] = part.frames, part.depth
        masks[place] = np.where(part.masks > 0, part.masks + len(people), 0)
        points = part.keypoints[0].copy()
        points[(points[..., :2] < 0).any(-1) | (points[..., :2] >= side).any(-1), 2] = 0
        points[..., :2] += [x, y]
        keypoints.append(points)
        people += sample.people
    return Sample("sheet", frames, masks, np.concatenate(keypoints)[None], depth, people)


def write_picture(out: Path, split: str, name: str, sample: Sample, task: str) -> None:
    """The first frame of a sample as a picture, with its label file or depth map."""
    for folder in ("images", "labels", "depth"):
        (out / folder / split).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "images" / split / f"{name}.jpg"), sample.frames[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if task == "depth":
        near, far = 3.0, 60.0  # clips differ in scale; relative depth is all that is used
        metres = 1 / (1 / far + sample.depth[0].astype(np.float32) / 255 * (1 / near - 1 / far))
        np.save(out / "depth" / split / f"{name}.npy", metres)
    else:
        (out / "labels" / split / f"{name}.txt").write_text("\n".join(labels(sample, task)))


def labels(sample: Sample, task: str) -> Iterator[str]:
    """One line per person of whom at least 12 pixels show, in ultralytics' normalised coordinates."""
    size = np.array(sample.frames.shape[2:0:-1])
    for number in range(sample.keypoints.shape[1]):
        mask = sample.masks[0] == number + 1
        outline = _outline(mask)
        if mask.sum() < 12 or outline is None:
            continue
        if task == "segment":
            yield "0 " + " ".join(f"{value:.5f}" for value in ((outline + 0.5) / size).clip(0, 1).ravel())
            continue
        low, high = outline.min(axis=0), outline.max(axis=0) + 1
        points = sample.keypoints[0, number].copy()
        points[((points[:, :2] < 0) | (points[:, :2] >= size)).any(axis=1) | (points[:, 2] == 0)] = 0
        box = np.concatenate([(low + high) / 2 / size, (high - low) / size])
        joints = " ".join(f"{x:.5f} {y:.5f} {int(seen)}" for x, y, seen in points / [*size, 1])
        yield "0 " + " ".join(f"{value:.5f}" for value in box) + " " + joints


def _outline(mask: np.ndarray) -> np.ndarray | None:
    """One polygon int [K,2] around all parts of a mask; None if nothing of it has an area."""
    from ultralytics.data.converter import merge_multi_segment

    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [contour.reshape(-1, 2) for contour in contours if len(contour) >= 3 and cv2.contourArea(contour) >= 3]
    if len(parts) > 1:
        return np.concatenate(merge_multi_segment([part.ravel().tolist() for part in parts]))
    return parts[0] if parts else None


def train(options: argparse.Namespace) -> None:
    """Train, then save the stripped checkpoint without the paths of this machine."""
    import ultralytics

    shape = Path(ultralytics.__file__).parent / "cfg/models/26" / f"yolo26-{SUFFIX[options.task]}.yaml"
    network = yaml.safe_load(shape.read_text()) | {"scales": {"n": [0.5, WIDTH, 1024]}, "nc": 1}
    described = options.out / f"yolo26n-{SUFFIX[options.task]}.yaml"
    described.parent.mkdir(parents=True, exist_ok=True)
    described.write_text(yaml.safe_dump(network, sort_keys=False))
    pictures = write_pictures(options.data, options.out / "pictures", options.task, options.seed)
    model = ultralytics.YOLO(described)
    if options.start:
        model.load(options.start)
    model.train(
        data=pictures,
        imgsz=SIDE,
        batch=16,
        device="cpu",
        workers=0,
        epochs=100,
        time=options.minutes / 60,
        seed=options.seed,
        optimizer="AdamW",
        lr0=options.rate,
        cos_lr=True,
        warmup_epochs=1,
        scale=0.6,
        mosaic=0.5,
        close_mosaic=2,
        hsv_h=0.05,
        hsv_s=0.7,
        hsv_v=0.5,
        bgr=0.1,
        project=options.out,
        name="run",
        exist_ok=True,
        plots=False,
        val=False,
        cache="ram",
        amp=False,
    )
    strip(options.out / "run/weights/last.pt", options.out / f"{options.task}.pt")


def strip(source: Path, target: Path) -> None:
    """The averaged model in half precision and nothing else: no optimizer, no settings, no paths."""
    checkpoint = torch.load(source, weights_only=False)
    model = (checkpoint.get("ema") or checkpoint["model"]).half()
    kept = {"task", "imgsz", "batch", "model", "single_cls"}
    arguments = {name: value for name, value in checkpoint.get("train_args", {}).items() if name in kept}
    arguments["model"], model.yaml_file = target.name, target.name
    model.args = {name: value for name, value in arguments.items() if name != "model"}
    if isinstance(model.yaml, dict):
        model.yaml["yaml_file"] = target.name
    torch.save({"model": model, "ema": None, "train_args": arguments, "epoch": -1, "optimizer": None}, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with shards of synthetic people")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and checkpoints")
    parser.add_argument("--task", choices=list(SUFFIX), required=True)
    parser.add_argument("--start", type=Path, help="checkpoint whose fitting weights to start from")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["YOLO_AUTOINSTALL"] = "false"
    torch.set_num_threads(arguments.threads)
    train(arguments)
