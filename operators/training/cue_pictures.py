"""What the cue models learn from: synthetic people at every size, with labels as ultralytics reads them."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # never install or fetch anything
os.environ.setdefault("YOLO_OFFLINE", "true")

import cv2
import numpy as np
from ultralytics.data.converter import merge_multi_segment

from operators.training.camera import degrade_picture
from operators.training.synthetic_people import RenderedClip, read_people

SIDE = 320  # px of a training picture
FAR = 60.0  # m, of the shards' depth


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
