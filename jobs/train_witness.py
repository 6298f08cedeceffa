"""Train the embedded witness from scratch: `python -m jobs.train_witness --data PEOPLE --out FILE.safetensors`.

It learns what the gates need: to find what is left of people where others were taken out. So its pictures show whole
people, people cut off by the frame, and limbs beside gray regions; and gray regions, clutter and streets with nobody.
PEOPLE holds shards of synthetic people; nothing else is ever learnt from. Reproducible from --seed with --steps.
"""

import argparse
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from operators.models.person_map import STRIDE, PersonMap
from operators.training.synthetic_people import read_people
from operators.training.witness_scenes import leftover_scene
from schemas.recipe import cosine

Pair = tuple[np.ndarray, np.ndarray]  # picture uint8 [H,W,3], people bool [H,W]


def train(options: argparse.Namespace) -> PersonMap:
    """Binary cross-entropy, pictures made as it goes; the weights' moving average is kept."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    streets = [
        deepcopy(sample.window(t, 1))  # the clip itself goes
        for sample in read_people(options.data, "street-train-*.tar")
        for t in (3, 9, 15, 21)
    ]
    crops = [
        deepcopy(sample.window(t, 1))
        for sample in read_people(options.data, "crops-train-*.tar")
        for t in (4, 12)
    ]
    network = PersonMap().to(memory_format=torch.channels_last).train()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01)
    start, done, step, shown = time.monotonic(), 0.0, 0, 0.0
    while done < 1:
        pairs = [leftover_scene(streets, crops, rng) for _ in range(options.batch)]
        for group in optimizer.param_groups:
            group["lr"] = options.rate * cosine(round(done * 10_000), 10_000, warmup=200)
        loss = loss_of(network, pairs)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is not finite at step {step}")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        step, shown = step + 1, 0.98 * shown + 0.02 * loss.item()
        done = (time.monotonic() - start) / 60 / options.minutes if options.minutes else step / options.steps
        if step % 50 == 0:
            print(f"witness step {step}  {100 * done:.0f} %  loss {shown / (1 - 0.98**step):.4f}", flush=True)
    return average.module.eval()


def loss_of(network: PersonMap, pairs: list[Pair]) -> torch.Tensor:
    """Per value of the map, people's thrice; half a value's pixels of a person's are enough for all of it."""
    pictures = torch.from_numpy(np.stack([picture for picture, _ in pairs])).permute(0, 3, 1, 2).float() / 255
    people = torch.from_numpy(np.stack([mask for _, mask in pairs])).float()[:, None]
    share = F.avg_pool2d(people, STRIDE)[:, 0]
    wanted = (2 * share).clamp(max=1)
    logits = network(pictures.to(memory_format=torch.channels_last))
    each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (each * (1 + 2 * wanted)).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--out", type=Path, required=True, help="the weights, *.safetensors")
    parser.add_argument("--rate", type=float, default=2e-3, help="AdamW's learning rate at its peak")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--minutes", type=float, help="stop after this long instead")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    trained = train(arguments).half().state_dict()
    save_file({name: value.contiguous() for name, value in trained.items()}, arguments.out)
