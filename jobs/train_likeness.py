"""Train the embedded re-identification network: `python -m jobs.train_likeness --people PEOPLE --output OUT`.

Two pictures of a person, of the body or the head, from other moments and in other light, are to lie closer together
than those of anybody else in the batch (InfoNCE, van den Oord et al. 2018). PEOPLE holds shards of synthetic people;
nothing else is ever learnt from. The result is OUT/likeness.safetensors.
"""

from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from jobs import options
from operators.models.witnesses.reid import largest
from operators.models.witnesses.reid_net import AppearanceNet
from operators.training.synthetic_people import read_people
from schemas.recipe import cosine

_TEMPERATURE, _RATE, _BATCH = 0.1, 2e-3, 96
Looks = tuple[int, int]  # identity and outfit


def read_looks(folder: Path, pattern: str) -> dict[Looks, list[tuple[np.ndarray, np.ndarray]]]:
    """Pictures (body, head) of everybody in the shards by who it is and what they wear."""
    people: dict[Looks, list[tuple[np.ndarray, np.ndarray]]] = {}
    for sample in read_people(folder, pattern):
        for t in range(0, len(sample.frames), 4):
            for number, person in enumerate(sample.people):
                found = largest(sample.masks[t] == number + 1)
                if found:
                    looks = person["identity_seed"], person["outfit_seed"]
                    pictures = found.of(sample.frames[t]), found.head().of(sample.frames[t])
                    people.setdefault(looks, []).append(pictures)
    return people


def seen_anew(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As another camera, codec or generator would show it: light, tint, sharpness, side, a part hidden."""
    shown = picture != 128
    changed = picture.astype(np.float32) * rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3) + rng.uniform(
        -15, 15
    )
    if rng.random() < 0.6:
        factor = rng.uniform(1, 5)
        size = max(4, int(48 / factor)), max(8, int(96 / factor))
        changed = cv2.resize(cv2.resize(changed, size, interpolation=cv2.INTER_AREA), (48, 96))
    changed = np.where(shown.any(-1, keepdims=True), changed, 128)
    if rng.random() < 0.5:
        changed = changed[:, ::-1]
    if rng.random() < 0.3:
        y, x = rng.integers(0, 80), rng.integers(0, 36)
        changed = changed.copy()
        changed[y : y + rng.integers(8, 32), x : x + rng.integers(8, 24)] = 128
    return np.clip(changed, 0, 255).astype(np.uint8)


def batch_of(
    people: list[list[tuple[np.ndarray, np.ndarray]]], size: int, rng: np.random.Generator
) -> torch.Tensor:
    """float [2 size,3,96,48]: first and second pictures of `size` different people, half of bodies, half of heads."""
    chosen = rng.choice(len(people), size, replace=False)
    pairs = []
    for place, index in enumerate(chosen):
        one, two = rng.integers(0, len(people[index]), 2)
        part = place % 2
        pairs.append([seen_anew(people[index][moment][part], rng) for moment in (one, two)])
    pictures = np.stack([pair[side] for side in (0, 1) for pair in pairs])
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def train(folder: Path, steps: int, seed: int) -> AppearanceNet:
    """Bodies are told from bodies, heads from heads."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    looks = {**read_looks(folder, "crops-train-*.tar"), **read_looks(folder, "street-train-*.tar")}
    people = list(looks.values())
    network = AppearanceNet().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine(step, steps, warmup=steps // 50)
    )
    shown = 0.0
    for step in range(1, steps + 1):
        one, two = network(batch_of(people, _BATCH, rng)).chunk(2)
        loss = torch.stack([info_nce(one[part::2], two[part::2]) for part in (0, 1)]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        shown = 0.98 * shown + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"likeness step {step}/{steps}  loss {shown / (1 - 0.98**step):.4f}", flush=True)
    return network.eval()


def info_nce(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of finding each vector's partner among all of the other side, both ways."""
    scores, partner = one @ two.T / _TEMPERATURE, torch.arange(len(one))
    return (F.cross_entropy(scores, partner) + F.cross_entropy(scores.T, partner)) / 2


def main(arguments: Namespace) -> int:
    """Train and write the weights."""
    torch.set_num_threads(arguments.threads)
    trained = train(arguments.people, arguments.steps, arguments.seed).state_dict()
    arguments.output.mkdir(parents=True, exist_ok=True)
    save_file(trained, arguments.output / "likeness.safetensors")
    return 0


if __name__ == "__main__":
    options.run(main, options.training_parser(__doc__, steps=1500))
