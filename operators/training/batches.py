"""Batches of latents out of the shards of jobs.prepare, the same for the same step however often training stops."""

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from webdataset.tariterators import group_by_keys, tar_file_expander

from operators import storage
from operators.training.batch import Batch, Latents, batch_of
from operators.training.pair_members import latents_from, pair_from
from operators.training.vace_latents import LatentsOf, visibility
from schemas.errors import UserError
from schemas.recipe import Recipe

_TOGETHER = 12  # shards that are held in memory and mixed
_SHARD = re.compile(r"(?:shards/)?[A-Za-z0-9_][A-Za-z0-9_.-]*\.tar")  # below the pairs


@dataclass(frozen=True)
class Group:
    """Shards of one size of picture, mixed."""

    shards: tuple[str, ...]
    pairs: int


class Batches:
    """One worker's batches. Every batch holds pictures of one size."""

    def __init__(self, pairs: str, recipe: Recipe, rank: int, workers: int, device: torch.device) -> None:
        self.pairs, self.recipe, self.rank, self.device = pairs, recipe, rank, device
        self.together = recipe.batch * workers
        self.sizes = shards_by_size(pairs)
        self.encoder = LatentsOf(recipe.base, str(device))
        self.group: tuple[Group | None, list[Latents]] = (None, [])
        self.epochs = lru_cache(2)(self._groups)

    def at(self, step: int) -> Batch:
        """x [B,C,1+t,h,w], z [B,V,1+t,h,w], text [B,L,W] on the device, and the step's random numbers."""
        group, epoch, position = self._find(step)
        items = self._load(group)
        order = np.random.default_rng([self.recipe.seed, epoch, 1]).permutation(len(items))
        chosen = [items[i] for i in order[position * self.together :][: self.together]]
        chosen = chosen[self.rank * self.recipe.batch :][: self.recipe.batch] or chosen[:1]
        return batch_of(chosen, self.recipe, step, self.rank, self.device)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """x and z of the first shards, to start from."""
        for group in self._groups(0)[:1]:
            for item in self._load(group):
                yield item["x"].float(), item["z"].float()

    def channels(self) -> torch.Tensor | None:
        """How much each latent channel shows in pixels; None if the recipe does not ask."""
        if self.recipe.prediction != "sample":
            return None
        some = [x for _, (x, _) in zip(range(8), self, strict=False)]
        return visibility(self.encoder.encoder.vae, torch.stack([x[:, 1:6] for x in some])).to(self.device)

    def preview(self, model: torch.nn.Module) -> torch.Tensor:
        """uint8 [3,2h,w*n]: conditions, and below what the model makes of pure noise in one step."""
        items = self._load(self._groups(0)[0])[:8]
        x, z, text = (
            torch.stack([item[name] for item in items]).to(self.device).float() for name in ("x", "z", "text")
        )
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        level = torch.full((len(x),), 1000.0, device=self.device)
        with torch.no_grad():
            made = model(noise, level, text, control_hidden_states=z, return_dict=False)[0].float()
        x = noise - made if self.recipe.prediction == "flow_prediction" else made
        rows = [
            self.encoder.encoder.decode(latents[:, :, 1:3])
            for latents in (z[:, : x.shape[1]] + z[:, x.shape[1] : 2 * x.shape[1]], x)
        ]
        picture = torch.cat([torch.cat(list(row[:, :, 0]), dim=2) for row in rows], dim=1)
        return ((picture.clamp(-1, 1) + 1) * 127.5).byte().cpu()

    def _groups(self, epoch: int) -> list[Group]:
        """The groups of one pass over the data, in its order."""
        rng, groups = np.random.default_rng([self.recipe.seed, epoch, 0]), []
        for _, shards in sorted(self.sizes.items()):
            order = [shards[i] for i in rng.permutation(len(shards))]
            for first in range(0, len(order), _TOGETHER):
                part = order[first : first + _TOGETHER]
                groups.append(Group(tuple(name for name, _ in part), sum(count for _, count in part)))
        return [groups[i] for i in rng.permutation(len(groups))]

    def _find(self, step: int) -> tuple[Group, int, int]:
        """The group, the pass, and the batch within the group that belong to a step."""
        epoch = 0
        while True:
            for group in self.epochs(epoch):
                batches = max(1, group.pairs // self.together)
                if step < batches:
                    return group, epoch, step
                step -= batches
            epoch += 1

    def _load(self, group: Group) -> list[Latents]:
        if self.group[0] != group:
            items = [item for shard in group.shards for item in self._read(shard)]
            self.group = (group, items)
        return self.group[1]

    def _read(self, shard: str) -> list[Latents]:
        """Latents of one shard, in half precision; encoded here if they were not prepared."""
        return [
            {
                name: value.half()
                for name, value in (latents_from(sample) or self.encoder(pair_from(sample))).items()
            }
            for sample in samples_of(storage.read_bytes(self.pairs, shard), shard)
        ]


def shards_by_size(pairs: str) -> dict[str, list[tuple[str, int]]]:
    """Name and number of pairs of each shard below `pairs`, by their size of picture.

    Raises UserError if there is none, or for one that may lie elsewhere.
    """
    sizes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path in sorted(storage.list_files(pairs)):
        if path.startswith("stats/"):
            for shard, (size, count) in json.loads(storage.read_bytes(pairs, path))["shards"].items():
                if not _SHARD.fullmatch(shard):
                    problem = f"names {shard!r}, which is no shard of these pairs"
                    raise UserError(
                        storage.join(pairs, path), problem, "Make them with python -m jobs.prepare"
                    )
                sizes[size].append((shard, count))
    if not sizes:
        raise UserError(pairs, "holds no training pairs", "Make some with python -m jobs.prepare")
    return sizes


def made_for(pairs: str) -> dict[str, str]:
    """The variant and mode that pairs were prepared in, which an adapter carries; nothing for older pairs."""
    found: dict[str, str] = json.loads(storage.read_bytes(pairs, "pairs.json")).get("made_for", {})
    return found


def samples_of(data: bytes, name: str) -> list[dict[str, Any]]:
    """Raw members by extension of each sample of a tar."""
    members = tar_file_expander([{"stream": io.BytesIO(data), "url": name}])
    return list(group_by_keys(members))
