"""The diffusion actor's speed, plain and with each acceleration: `python -m benchmarks.diffusion`.

On a CUDA GPU: Wan2.1-VACE-1.3B of random weights, 49 frames of 480x832, the text encoder beside it. Time and memory
are those of the real weights; the difference from the plain run is of random pictures, and says only that a switch
computes what it should. Without a GPU: the embedded generator on one of its tubes, many steps with guidance, so that
the switches have something to save. The table says which. `--only NAME` runs the rows whose name holds NAME.

A row is the fastest of `--runs` runs after one that is not counted; without a GPU in seconds of one core, which other
work on the machine does not change. Difference: mean over the pixels, in levels of 255. Text, transformer, VAE: shares
of the plain run's time. TFLOP/s counts the transformer's products alone.
"""

import argparse
import gc
import resource
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.standins.random_vace import random_vace
from operators.generation.generator import WanVaceGenerator
from schemas.config import load
from schemas.errors import UserError
from schemas.generation import Request
from schemas.profile import Generator, Profile

REFERENCE = 49 / 150  # ReGenHuman: so many frames a second on an L40S
PEAKS = {"H100": 989, "H200": 989, "A100": 312, "L40S": 362}  # TFLOP/s, dense bfloat16, by the makers
PLAIN = "plain"
ON_GPU = ("cuDNN attention",)


def switches_of(steps: int) -> dict[str, dict[str, Any]]:
    """What each row changes; of 50 steps 20, or 4 of a distilled model."""
    fewer, fewest = max(1, 2 * steps // 5), max(1, 2 * steps // 25)
    return {
        PLAIN: {},
        "batch 2": {"batch": 2},
        "batch 4": {"batch": 4},
        "bfloat16": {"dtype": "bfloat16"},
        "cuDNN attention": {"attention": "_native_cudnn"},
        "compiled blocks": {"compile": True},
        "VAE in tiles": {"vae_tiling": True},
        "VAE decodes in bfloat16": {"vae_decode": "bfloat16"},
        "weights in eight bits": {"fp8_weights": True},
        "weights in eight bits by TorchAO, integers": {"quantize": "int8"},
        "weights in eight bits by TorchAO, floats": {"quantize": "float8"},
        "blocks used again by cache-dit, 0.08": {"block_cache": 0.08},
        "half guided": {"guidance_until": 0.5},
        "step cache 2": {"step_cache": 2},
        f"{fewer} steps": {"steps": fewer},
        f"{fewer} steps, half guided": {"steps": fewer, "guidance_until": 0.5},
        f"{fewer} steps, half guided, step cache 2": {
            "steps": fewer,
            "guidance_until": 0.5,
            "step_cache": 2,
        },
        f"{fewest} step{'s' * (fewest > 1)} without guidance, as distilled": {
            "steps": fewest,
            "guidance": 1.0,
        },
    }


@dataclass
class Clock:
    """Seconds by part of the model."""

    cuda: bool
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def now(self) -> float:
        """After everything that the GPU was given; of the process alone where there is none."""
        if self.cuda:
            torch.cuda.synchronize()
        return perf_counter() if self.cuda else process_time()

    def over(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time added to the part's."""

        def timed(*args: Any, **options: Any) -> Any:
            start = self.now()
            made = call(*args, **options)
            self.seconds[part] += self.now() - start
            return made

        return timed


@dataclass(frozen=True)
class Measured:
    """One row: seconds a clip, frames of the first clip, GiB at most, seconds by part of all clips."""

    seconds: float
    frames: np.ndarray
    memory: float
    parts: dict[str, float]


def generator_of(settings: Generator, cuda: bool) -> WanVaceGenerator:
    """With weights of its own, after those of the row before are gone."""
    gc.collect()
    torch.cuda.empty_cache()
    if not cuda:
        return WanVaceGenerator(settings)
    return WanVaceGenerator(
        settings, "cuda", random_vace(device="cuda", dtype=getattr(torch, settings.dtype))
    )


def clocked(generator: WanVaceGenerator, cuda: bool) -> Clock:
    """A clock over the generator's parts from now on."""
    clock, parts = Clock(cuda), generator.pipeline
    parts.vae.encode = clock.over("VAE", parts.vae.encode)
    parts.vae.decode = clock.over("VAE", parts.vae.decode)
    parts.transformer.forward = clock.over("transformer", parts.transformer.forward)
    return clock


def timed(generator: WanVaceGenerator, clock: Clock, requests: list[Request]) -> Measured:
    """One run. Raises what was raised for a request."""
    if clock.cuda:
        torch.cuda.reset_peak_memory_stats()
    generator.prompts.tokens.cache_clear()
    clock.seconds.clear()
    start = clock.now()
    for request in requests:
        generator.prompts(request.prompt)
    clock.seconds["text"] = clock.now() - start
    made = generator.together(requests)
    seconds = clock.now() - start
    for frames in made:
        if isinstance(frames, Exception):
            raise frames
    memory = torch.cuda.max_memory_allocated() / 2**30 if clock.cuda else 0.0
    assert isinstance(made[0], np.ndarray)
    return Measured(seconds / len(requests), made[0], memory, dict(clock.seconds))


def measure(settings: Generator, cuda: bool, requests: list[Request], runs: int) -> Measured:
    """The fastest of several runs of a generator made for these settings, after one that is not counted."""
    generator = generator_of(settings, cuda)
    clock = clocked(generator, cuda)
    return min(
        [timed(generator, clock, requests) for _ in range(runs + 1)][1:], key=lambda made: made.seconds
    )


def flops(settings: Generator, cuda: bool, request: Request) -> float:
    """TFLOP of the transformer for one clip: of one step, times the forwards of a plain run."""
    once = settings.model_copy(update={"steps": 1, "guidance": 1.0})
    generator = generator_of(once, cuda)
    counter = FlopCounterMode(display=False)
    run = generator.pipeline.transformer.forward

    def counted(*args: Any, **options: Any) -> Any:
        with counter:
            return run(*args, **options)

    generator.pipeline.transformer.forward = counted
    generator.together([request])
    return counter.get_total_flops() / 1e12 * settings.steps * (2 if settings.guidance > 1 else 1)


def requests_of(settings: Generator, size: tuple[int, int], count: int) -> list[Request]:
    """Clips of one window, everything to be generated, each with its own picture and words."""
    rng, shape = np.random.default_rng(0), (settings.window, *size)
    coarse = rng.integers(0, 255, (count, settings.window, size[0] // 16, size[1] // 16, 3), np.uint8)
    words = "an adult in a long-sleeved red top, dark blue trousers and white shoes walks along a street, "
    return [
        Request(frames.repeat(16, axis=1).repeat(16, axis=2), np.ones(shape, bool), words * 8 + "abcd"[i], i)
        for i, frames in enumerate(coarse)
    ]


def settings_of(cuda: bool, steps: int) -> tuple[Generator, tuple[int, int]]:
    """The plain run's, and height and width of its clips."""
    settings = load(Profile, f"cluster/profiles/{'paper' if cuda else 'embedded'}.yaml").generator
    changes = {
        "steps": steps,
        "guidance": 5.0,
        "flow_shift": 5.0,
        "warm_up": False,
        "adapter": "",
        "batch": 1,
    }
    settings = settings.model_copy(update=changes | ({"dtype": "bfloat16"} if cuda else {}))
    size = settings.frame if cuda else settings.tube
    return settings, (size.height, size.width)


def say(made: Measured, plain: Measured, frames: int, cuda: bool) -> str:
    """One row."""
    difference = np.abs(made.frames.astype(float) - plain.frames).mean()
    text = f"{made.seconds:.2f} s, {plain.seconds / made.seconds:.2f}x, differs by {difference:.2f}"
    rate = frames / made.seconds
    gpu = f", {made.memory:.1f} GiB, {rate:.3g} frames a GPU-second of one clip ({rate / REFERENCE:.1f}x)"
    return text + (gpu if cuda else "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="rows whose name holds this, and the plain one")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cuda = torch.cuda.is_available()
    settings, size = settings_of(cuda, options.steps)
    name = torch.cuda.get_device_name() if cuda else "one core: the embedded generator, a tiny model"
    requests = requests_of(settings, size, 4)
    plain = measure(settings, cuda, requests[:1], options.runs)
    work = flops(settings, cuda, requests[0])
    shares = ", ".join(f"{part} {plain.parts[part] / plain.seconds:.0%}" for part in sorted(plain.parts))
    peak = next((f" of {peak}" for card, peak in PEAKS.items() if card in name), "")
    rows: list[tuple[str, str]] = [
        ("clip", f"{settings.window} frames {size[0]}x{size[1]}, {options.steps} steps, {settings.dtype}"),
        ("shares of the plain run", shares),
        ("TFLOP of the transformer, a second", f"{work:.4g}, {work / plain.parts['transformer']:.3g}{peak}"),
    ]
    for row, switches in switches_of(options.steps).items():
        if (options.only not in row and row != PLAIN) or (row in ON_GPU and not cuda):
            continue
        switched = settings.model_copy(update=switches)
        try:
            made = (
                plain if row == PLAIN else measure(switched, cuda, requests[: switched.batch], options.runs)
            )
            rows.append((row, say(made, plain, settings.window, cuda)))
        except UserError as error:  # a package that is not here
            rows.append((row, str(error)))
        print(": ".join(rows[-1]), flush=True)
    if not cuda:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(("peak memory of the process", f"{memory:.1f} GiB"))
    print(f"\n| diffusion on {name} | |\n|---|---|")
    for figure in rows:
        print(f"| {' | '.join(figure)} |")


if __name__ == "__main__":
    main()
