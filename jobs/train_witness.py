"""Train the embedded witness from scratch: `python -m jobs.train_witness --people PEOPLE --output OUT`.

It learns what the gates need: to find what is left of people where others were taken out. So its pictures show whole
people, people cut off by the frame, and limbs beside gray regions; and gray regions, clutter and streets with nobody.
PEOPLE holds shards of synthetic people; nothing else is ever learnt from. The result is OUT/witness.safetensors.
"""

from argparse import Namespace
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from jobs import options
from operators.models.witnesses.coverage import STRIDE
from operators.models.witnesses.person_map import PersonMap
from operators.training.descent import descend
from operators.training.synthetic_people import read_people
from operators.training.witness_scenes import partly_masked_scene
from schemas.recipe import cosine

RATE, BATCH = 2e-3, 16
Pair = tuple[np.ndarray, np.ndarray]  # picture uint8 [H,W,3], people bool [H,W]


def train(folder: Path, steps: int, seed: int) -> PersonMap:
    """Binary cross-entropy, pictures made as it goes; the weights' moving average is kept."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    streets = [
        deepcopy(sample.window(t, 1))  # the clip itself goes
        for sample in read_people(folder, "street-train-*.tar")
        for t in (3, 9, 15, 21)
    ]
    crops = [
        deepcopy(sample.window(t, 1)) for sample in read_people(folder, "crops-train-*.tar") for t in (4, 12)
    ]
    network = PersonMap().to(memory_format=torch.channels_last).train()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine(step, steps, warmup=steps // 50)
    )
    shown = 0.0
    for step in range(1, steps + 1):
        pairs = [partly_masked_scene(streets, crops, rng) for _ in range(BATCH)]
        loss = loss_of(network, pairs)
        descend(loss, network.parameters(), optimizer, schedule)
        average.update_parameters(network)
        shown = 0.98 * shown + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"witness step {step}/{steps}  loss {shown / (1 - 0.98**step):.4f}", flush=True)
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


def main(arguments: Namespace) -> int:
    """Train and write the weights, in half precision."""
    torch.set_num_threads(arguments.threads)
    trained = train(arguments.people, arguments.steps, arguments.seed).half().state_dict()
    arguments.output.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in trained.items()}
    save_file(weights, arguments.output / "witness.safetensors")
    return 0


if __name__ == "__main__":
    options.run(main, options.training_parser(__doc__, steps=2000))
