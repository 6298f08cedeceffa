"""Clips to members of WebDataset shards, byte for byte reproducibly; synthetic_people.py reads them."""

import io
import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import webdataset as wds

from operators.training.render.film import Rendering

_FAR = 60.0  # metres; depth beyond is 0, like the sky
_DEPTH_CRF = 14


def write_shard(path: Path, clips: Iterable[Rendering], crf: int) -> None:
    """One tar, under its name only once it is complete; `crf` is H.264's, lower is better."""
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file, wds.TarWriter(file, encoder=False, mtime=0) as writer:
        for clip in clips:
            key = "{kind}-{split}-{seed:06d}".format(**clip.facts)
            writer.write({"__key__": key, **members(clip, crf)})
    os.replace(unfinished, path)


def members(clip: Rendering, crf: int) -> dict[str, bytes]:
    """By extension: mp4, masks.npz, keypoints.npy, depth.mp4, json."""
    depth, depth_facts = inverse_depth(clip.depth)
    fps = clip.facts["fps"]
    return {
        "mp4": _video(clip.frames, fps, crf),
        "masks.npz": _npz(masks=clip.masks),
        "keypoints.npy": _npy(clip.keypoints),
        "depth.mp4": _video(np.repeat(depth[..., None], 3, -1), fps, _DEPTH_CRF),
        "json": json.dumps({**clip.facts, "depth": depth_facts}, sort_keys=True).encode(),
    }


def inverse_depth(depth: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """float32 metres, 0 for sky, to uint8 of one scale a clip: 255 is near, 0 the sky or beyond 60 m."""
    solid = depth[depth > 0]
    near = float(np.percentile(solid, 0.1)) if len(solid) else 1.0
    value = (1 / np.maximum(depth, 1e-3) - 1 / _FAR) / (1 / near - 1 / _FAR)
    value = np.where(depth > 0, np.clip(value, 0, 1), 0)
    facts = {
        "near_m": round(near, 4),
        "far_m": _FAR,
        "formula": "z_m = 1 / (1/far_m + v/255 * (1/near_m - 1/far_m)); v = 0 is sky or beyond far_m",
    }
    return np.round(255 * value).astype(np.uint8), facts


def _video(frames: np.ndarray, fps: int, crf: int) -> bytes:
    """uint8 [T,H,W,3] to H.264 in mp4, with B-frames, as cameras and web videos have them."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "medium", "threads": "1"}
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        out.mux(stream.encode())
    return file.getvalue()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    """As numpy.savez_compressed, which would write the time of day into it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(entry, _npy(array), zipfile.ZIP_DEFLATED, compresslevel=9)
    return file.getvalue()
