"""Train the embedded re-identification network: `python -m jobs.train_likeness --data PEOPLE --out FILE.safetensors`.

Two pictures of a person, of the body or the head, from other moments and in other light, are to lie closer together
than those of anybody else in the batch (InfoNCE, van den Oord et al. 2018). PEOPLE holds shards of synthetic people;
nothing else is ever learnt from. Reproducible from --seed with --steps.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from operators.models.reid import crops
from operators.models.reid_net import AppearanceNet
from operators.training.synthetic_people import read_people
from schemas.recipe import cosine

_TEMPERATURE = 0.1
Looks = tuple[int, int]  # identity and outfit


def read_looks(folder: Path, pattern: str) -> dict[Looks, list[tuple[np.ndarray, np.ndarray]]]:
    """Pictures (body, head) of everybody in the shards by who it is and what they wear."""
    people: dict[Looks, list[tuple[np.ndarray, np.ndarray]]] = {}
    for sample in read_people(folder, pattern):
        for t in range(0, len(sample.frames), 4):
            for number, person in enumerate(sample.people):
                found = max(
                    crops(sample.masks[t] == number + 1), key=lambda crop: crop.mask.sum(), default=None
                )
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


def train(options: argparse.Namespace) -> AppearanceNet:
    """Bodies are told from bodies, heads from heads."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    looks = {
        **read_looks(options.data, "crops-train-*.tar"),
        **read_looks(options.data, "street-train-*.tar"),
    }
    people = list(looks.values())
    network = AppearanceNet().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.05)
    start, done, step, shown = time.monotonic(), 0.0, 0, 0.0
    while done < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * cosine(round(done * 10_000), 10_000, warmup=200)
        one, two = network(batch_of(people, options.batch, rng)).chunk(2)
        loss = torch.stack([info_nce(one[part::2], two[part::2]) for part in (0, 1)]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step, shown = step + 1, 0.98 * shown + 0.02 * loss.item()
        done = (time.monotonic() - start) / 60 / options.minutes if options.minutes else step / options.steps
        if step % 50 == 0:
            print(
                f"likeness step {step}  {100 * done:.0f} %  loss {shown / (1 - 0.98**step):.4f}", flush=True
            )
    return network.eval()


def info_nce(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of finding each vector's partner among all of the other side, both ways."""
    scores, partner = one @ two.T / _TEMPERATURE, torch.arange(len(one))
    return (F.cross_entropy(scores, partner) + F.cross_entropy(scores.T, partner)) / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--minutes", type=float, help="stop after this long instead")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    save_file(train(arguments).state_dict(), arguments.out)
