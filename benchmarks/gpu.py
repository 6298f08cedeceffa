"""One GPU's figures in one go: `bash benchmarks/gpu.sh`, which brings what a bare CUDA machine lacks.

Prints markdown as it goes, and writes the same to `--output`. Parts, each of which stops in time and says what it
left out: `sizes`, frames a GPU-second of Wan2.1-VACE-1.3B (random weights: time and memory are real) at each size that
the commercial profile generates at; `switches`, what each saves and how far its pictures are from the plain run's;
`looks`, Condition's and Audit's models; `train`, the embedded generator from latents that came along, for the rest of
the time. A plain run takes 50 steps with guidance: two of them are measured, and the transformer's time is multiplied;
one clip is measured in full beside that. Without a GPU all of it runs in small, to show that it runs.

`--computed` needs no GPU: the same sizes and models by arithmetic, operations over a stated share of a stated peak.
`--carry PAIRS` writes the latents that jobs.prepare made into one file for `--latents`.
"""

import argparse
import gc
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks import cues_speed
from benchmarks.computed import computed, forward_tflop
from benchmarks.diffusion import (
    PEAKS,
    Clock,
    Measured,
    clocked,
    generator_of,
    requests_of,
    switches_of,
    timed,
)
from operators.generation.generator import WanVaceGenerator
from operators.generation.wan_vace import prepare
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Generator, Profile, Size

BATCHES, MEASURED = (1, 2, 4), 2  # clips at once; steps of a plain run that are measured
LASTING = {
    "fp8_weights",
    "quantize",
    "block_cache",
}  # what these do to a transformer is not undone for the next row
SHARES = {"sizes": 0.5, "switches": 0.4, "looks": 0.5, "train": 1.0}  # of the time that is left then
SMALL = {  # without a GPU
    "window": 9, "pad": 4, "frame": Size(height=32, width=48), "tube": Size(height=48, width=32),
    "small_tubes": [Size(height=32, width=16)], "people": "diffusion", "steps": 4,
}  # fmt: skip
SMALL_LOOKS = (cues_speed.limbs, cues_speed.final_look)


@dataclass
class Lease:
    """What is there to measure with, until when, and where it is written."""

    cuda: bool
    end: float
    output: Path

    def say(self, *cells: object) -> None:
        """A row, on the screen and in the file: what is cut off has said all it knew."""
        row = f"| {' | '.join(str(cell) for cell in cells)} |"
        print(row, flush=True)
        with (self.output / "table.md").open("a") as file:
            file.write(row + "\n")

    def head(self, *cells: str) -> None:
        """The first rows of a table."""
        self.say(*cells)
        self.say(*(["---"] * len(cells)))

    def until(self, part: str) -> float:
        """When a part that begins now has to end."""
        return perf_counter() + SHARES[part] * max(0.0, self.end - perf_counter())


@dataclass
class Subject:
    """A generator that is loaded once, and the clock over it."""

    settings: Generator
    generator: WanVaceGenerator
    clock: Clock

    def run(self, size: Size, **changes: Any) -> Measured:
        """A batch of clips of one window with these settings, after one step that is not counted."""
        settings = self.settings.model_copy(update=changes)
        self.generator.pipeline.vae.disable_tiling()
        if self.clock.cuda:
            self.generator.pipeline.transformer.set_attention_backend("native")
        for module in self.generator.pipeline.transformer.modules():
            module._compiled_call_impl = None
        prepare(self.generator.pipeline, settings)
        requests = requests_of(settings, (size.height, size.width), settings.batch)
        self.generator.fits.clear()
        for steps in (1, settings.steps):
            self.generator.settings = settings.model_copy(update={"steps": steps})
            made = timed(self.generator, self.clock, requests)
        return made


def subject_of(cuda: bool) -> Subject:
    """The commercial profile's sizes with random weights; without a GPU the embedded generator's, and smaller ones."""
    settings = load(Profile, f"cluster/profiles/{'commercial' if cuda else 'embedded'}.yaml").generator
    plain = {
        "guidance": 5.0,
        "warm_up": False,
        "adapter": "",
        "batch": 1,
        **({"steps": 50} if cuda else SMALL),
    }
    settings = settings.model_copy(update=plain)
    generator = generator_of(settings, cuda)
    return Subject(settings, generator, clocked(generator, cuda))


def buckets(settings: Generator) -> Iterator[tuple[int, Size]]:
    """Frames and size of each window that is generated, the largest first; upright ones cost as lying ones do."""
    yield settings.window, settings.frame
    lengths = range(settings.window, 1, -(settings.pad or settings.window))
    for size in (settings.tube, *settings.small_tubes):
        for frames in lengths:
            whole = size.height * size.width == settings.frame.height * settings.frame.width
            if not (whole and frames == settings.window):
                yield frames, size


def sizes(lease: Lease, subject: Subject) -> None:
    """Frames a GPU-second at each size, plain and in few steps, by batch."""
    settings, end = subject.settings, lease.until("sizes")
    few = max(1, 2 * settings.steps // 25)
    lease.head(
        "one person or a whole frame: frames, height x width", "batch",
        f"{settings.steps} steps, guided: s a clip", "frames a GPU-second",
        f"{few} steps, not guided: frames a GPU-second", "VAE's share of that", "GiB", "TFLOP/s", "of the peak",
    )  # fmt: skip
    frames, size = next(buckets(settings))
    whole = subject.run(size, window=frames)
    lease.say(f"{frames}, {size.height}x{size.width}", 1, f"{whole.seconds:.2f}, all steps measured")
    for frames, size in buckets(settings):
        for batch in BATCHES:
            name = f"{frames}, {size.height}x{size.width}"
            if perf_counter() > end:
                lease.say(name, batch, "left out: no time")
                continue
            try:
                lease.say(name, batch, *size_row(subject, frames, size, batch, few))
            except Exception as error:  # what does not fit into memory is a row of the table, and not its end
                lease.say(name, batch, f"failed: {said(error)}")


def size_row(subject: Subject, frames: int, size: Size, batch: int, few: int) -> list[str]:
    """The figures of one size and batch."""
    settings = subject.settings
    plain = subject.run(size, window=frames, batch=batch, steps=MEASURED)
    halved = " (in halves)" if subject.generator.fits else ""
    fast = subject.run(size, window=frames, batch=batch, steps=few, guidance=1.0)
    transformer = plain.parts["transformer"] / batch
    whole = plain.seconds + transformer * (settings.steps / MEASURED - 1)
    work = forward_tflop(subject.generator.pipeline.transformer.config, subject.generator.pipeline.vae.config,
                         frames, size)  # fmt: skip
    rate = 2 * MEASURED * work / transformer
    peak = peak_of(subject.clock.cuda)
    return [
        f"{whole:.2f}{halved}", f"{frames / whole:.3g}", f"{frames / fast.seconds:.3g}",
        f"{fast.parts['VAE'] / batch / fast.seconds:.0%}", f"{max(plain.memory, fast.memory):.1f}",
        f"{rate:.3g}", f"{rate / peak:.0%}" if peak else "unknown",
    ]  # fmt: skip


def peak_of(cuda: bool) -> float:
    """TFLOP/s that the card's maker states, dense bfloat16; 0 if unknown."""
    name = torch.cuda.get_device_name() if cuda else ""
    return next((peak for card, peak in PEAKS.items() if card in name), 0)


def switches(lease: Lease, subject: Subject) -> None:
    """What each switch saves and changes, at the smallest size of a whole window, every step measured."""
    end = lease.until("switches")
    size = [size for frames, size in buckets(subject.settings) if frames == subject.settings.window][-1]
    lease.head(
        f"switch, {subject.settings.window} frames {size.height}x{size.width}", "s a clip", "factor",
        "differs from plain, mean level of 255",
    )  # fmt: skip
    rows = {name: changes for name, changes in switches_of(subject.settings.steps).items()
            if not {"batch", "dtype"} & changes.keys()}  # fmt: skip
    plain: Measured | None = None
    for name, changes in rows.items():
        if not lease.cuda and {"attention", "compile"} & changes.keys():
            continue
        if perf_counter() > end:
            lease.say(name, "left out: no time")
            continue
        try:
            own = subject_of(lease.cuda) if LASTING & changes.keys() else subject
            made = own.run(size, **changes)
        except UserError as error:  # of a package that is not here
            lease.say(name, f"not here: {said(error)}")
            continue
        except Exception as error:  # a backend that this card has not is a row of the table, and not its end
            lease.say(name, f"failed: {said(error)}")
            continue
        plain = plain or made
        difference = np.abs(made.frames.astype(float) - plain.frames).mean()
        lease.say(name, f"{made.seconds:.2f}", f"{plain.seconds / made.seconds:.2f}", f"{difference:.2f}")


def looks(lease: Lease) -> None:
    """Frames a second of Condition's and Audit's models, copying included."""
    end, device = lease.until("looks"), "cuda" if lease.cuda else "cpu"
    shapes = cues_speed.SIZES if lease.cuda else {"72p": (72, 128), "108p": (108, 192)}
    picture = cv2.cvtColor(cv2.imread("operators/models/pictures/people.jpg"), cv2.COLOR_BGR2RGB)
    lease.head("model", *(f"{name}, frames a second" for name in shapes), "GiB")
    for name, make in cues_speed.MODELS.items():
        if make is cues_speed.embedded or (not lease.cuda and make not in SMALL_LOOKS):
            continue  # the ensemble's weights take up too much room to come along
        if perf_counter() > end:
            lease.say(name, "left out: no time")
            continue
        gc.collect()
        if lease.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            rates = []
            with tempfile.TemporaryDirectory() as folder:
                model = make(Path(folder), device, "bfloat16" if lease.cuda else "float32")
                for height, width in shapes.values():
                    frames = moved(cv2.resize(picture, (width, height)), 16 if lease.cuda else 2)
                    rates.append(f"{cues_speed.rate(model, frames, device):.3g}")
            memory = torch.cuda.max_memory_allocated() / 2**30 if lease.cuda else 0.0
            lease.say(name, *rates, f"{memory:.1f}")
        except Exception as error:  # a library that is not here is a row of the table, and not its end
            lease.say(name, f"failed: {said(error)}")


def moved(picture: np.ndarray, count: int) -> np.ndarray:
    """uint8 [count,H,W,3], no two alike."""
    return np.stack([np.roll(picture, 3 * number, axis=1) for number in range(count)])


def said(error: Exception) -> str:
    """In a cell of a table."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}".replace("|", "/")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=24, help="until all is written (default: %(default)s)"
    )
    parser.add_argument("--parts", nargs="+", choices=SHARES, default=list(SHARES), help="default: all")
    parser.add_argument("--steps", type=int, default=0, help="of training, instead of the rest of the time")
    parser.add_argument("--latents", type=Path, default=Path("latents.npz"), help="what --carry wrote")
    parser.add_argument("--output", type=Path, default=Path("output/gpu-figures"))
    parser.add_argument("--carry", metavar="PAIRS", help="write latents of these pairs to --latents, no more")
    parser.add_argument("--computed", action="store_true", help="by arithmetic, no more")
    options = parser.parse_args()
    if options.computed:
        return computed()
    if options.carry:
        from benchmarks.gpu_training import carry

        return carry(options.carry, options.latents)
    cuda = torch.cuda.is_available()
    torch.set_num_threads(torch.get_num_threads() if cuda else 1)
    options.output.mkdir(parents=True, exist_ok=True)
    lease = Lease(cuda, perf_counter() + 60 * options.minutes, options.output)
    lease.head(
        f"on {torch.cuda.get_device_name() if cuda else 'one core: tiny models'}, torch {torch.__version__}"
    )
    if {"sizes", "switches"} & set(options.parts):
        subject = subject_of(cuda)
        for part in (sizes, switches):
            if part.__name__ in options.parts:
                part(lease, subject)
        del subject
        gc.collect()
    if "looks" in options.parts:
        looks(lease)
    if "train" in options.parts:
        from benchmarks.gpu_training import train

        train(options.latents, options.output, lease.end - perf_counter(), cuda, lease.say, options.steps)
    return None


if __name__ == "__main__":
    main()
