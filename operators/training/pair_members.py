"""Training pairs <-> members of a WebDataset shard."""

import io
import json
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from operators.video.encode import decode_bytes, encode_lossless
from schemas.pair import TrainingPair


def members_of(pair: TrainingPair, latents: dict[str, torch.Tensor] | None = None) -> dict[str, bytes]:
    """By extension: target.mp4, condition.mp4 (both lossless RGB), mask.npz, json, latents.safetensors."""
    mask = io.BytesIO()
    np.savez_compressed(mask, mask=np.packbits(pair.mask, axis=-1), width=pair.mask.shape[-1])
    facts = {name: getattr(pair, name) for name in ("variant", "prompt", "known", "people", "source_hmac")}
    members = {
        "target.mp4": encode_lossless(pair.target, "mp4"),
        "condition.mp4": encode_lossless(pair.condition, "mp4"),
        "mask.npz": mask.getvalue(),
        "json": json.dumps({**facts, "reference": "the first frame of condition.mp4"}).encode(),
    }
    if latents is not None:
        halves = {name: value.to(torch.float16).contiguous() for name, value in latents.items()}
        members["latents.safetensors"] = save(halves)
    return members


def pair_from(sample: dict[str, Any]) -> TrainingPair:
    """The pair of one WebDataset sample (raw bytes by extension)."""
    facts, stored = json.loads(sample["json"]), np.load(io.BytesIO(sample["mask.npz"]))
    mask = np.unpackbits(stored["mask"], axis=-1, count=int(stored["width"])).astype(bool)
    names = ("variant", "prompt", "known", "people", "source_hmac")
    return TrainingPair(
        key=sample["__key__"],
        target=decode_bytes(sample["target.mp4"]),
        condition=decode_bytes(sample["condition.mp4"]),
        mask=mask,
        **{name: facts[name] for name in names},
    )


def latents_from(sample: dict[str, Any]) -> dict[str, torch.Tensor] | None:
    """float32 x, z and text of one WebDataset sample, None if it was prepared without."""
    if "latents.safetensors" not in sample:
        return None
    return {name: value.float() for name, value in load(sample["latents.safetensors"]).items()}
