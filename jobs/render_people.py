"""Synthetic people: `python -m jobs.render_people crops|street|check|preview`.

Renders the shards that the embedded models learn from (docs/people.md): nobody in them is real. crops are 128 x 128
around one person, street scenes 640 x 360 with nobody to five. A seed always gives the same clip with the same library
versions and OpenGL driver, so processes may share a range of seeds; a shard appears under its name once it is complete,
and one that is there is not made again.
"""

import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from jobs import options
from operators.training.render.check import check
from operators.training.render.crops import CropSize, make_crop
from operators.training.render.film import Rendering, Studio
from operators.training.render.preview import sheet
from operators.training.render.seeds import SPLITS, shards_of
from operators.training.render.shards import write_shard
from operators.training.render.street import StreetSize, make_street
from schemas.errors import UserError


def main(arguments: Namespace) -> int:
    """Run the chosen command."""
    match arguments.command:
        case "check":
            return report(arguments.people)
        case "preview":
            if not cv2.imwrite(str(arguments.output), sheet(arguments.people)[..., ::-1]):
                raise UserError(
                    str(arguments.output), "cannot be written", "Name a picture, such as sheet.png"
                )
            return 0
        case _:
            return render(arguments)


def render(arguments: Namespace) -> int:
    """Shards of crops or street scenes, one after the other."""
    name = f"{arguments.command}-{arguments.split}"
    shards = shards_of(name, arguments.seeds, None if arguments.one_shard else arguments.shard_size)
    missing = {shard: seeds for shard, seeds in shards.items() if not (arguments.output / shard).exists()}
    if not missing:
        print(f"{arguments.output}: all {len(shards)} shards are there")
        return 0
    torch.set_num_threads(1)  # sums in one order: the same bytes on any machine
    make = maker(arguments, Studio())
    arguments.output.mkdir(parents=True, exist_ok=True)
    for shard, seeds in missing.items():
        start = time.monotonic()
        write_shard(arguments.output / shard, (make(seed) for seed in seeds), arguments.crf)
        print(f"{shard}: {len(seeds)} clips, {time.monotonic() - start:.0f} s", flush=True)
    return 0


def maker(arguments: Namespace, studio: Studio) -> Callable[[int], Rendering]:
    """What makes the clip of a seed."""
    split = SPLITS[arguments.split]
    if arguments.command == "crops":
        crop = CropSize(arguments.size, arguments.frames, arguments.fps)
        return lambda seed: make_crop(studio, seed, split, crop)
    street = StreetSize(arguments.width, arguments.height, arguments.frames, arguments.fps, arguments.reid)
    return lambda seed: make_street(studio, seed, split, street)


def report(folder: Path) -> int:
    """Tables of what the shards hold; 1 if anything is wrong with them."""
    found = check(folder)
    for name, findings in found.items():
        options.table(name, findings.rows())
    problems = [problem for findings in found.values() for problem in findings.problems]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def seed_range(text: str) -> range:
    """A:B, without B."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise ArgumentTypeError(f"{text} is no range A:B with A below B")
    return range(int(first), int(last))


def parser() -> ArgumentParser:
    """Options of the four commands."""
    made = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    crops, street = (
        commands.add_parser(name, help=f"render {what}")
        for name, what in (("crops", "square clips around one person"), ("street", "wide street scenes"))
    )
    _add_common(crops, per_shard=100, frames=CropSize.frames)
    crops.add_argument("--size", type=int, default=CropSize.size, help="pixels a side, even")
    _add_common(street, per_shard=20, frames=StreetSize.frames)
    street.add_argument("--width", type=int, default=StreetSize.width, help="pixels, even")
    street.add_argument("--height", type=int, default=StreetSize.height, help="pixels, even")
    street.add_argument("--reid", action="store_true", help="seeds 0:12 are scenes where people return")
    for name, what in (("check", "read shards back and verify them"), ("preview", "draw a sheet of clips")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--people", type=Path, required=True, help="folder of the shards")
    command.add_argument("--output", type=Path, required=True, help="picture to write, *.png")
    return made


def _add_common(command: ArgumentParser, per_shard: int, frames: int) -> None:
    command.add_argument("--output", type=Path, required=True, help="folder for the shards")
    command.add_argument("--seeds", type=seed_range, required=True, metavar="A:B", help="from A to B - 1")
    command.add_argument("--split", choices=list(SPLITS), default="train", help="(default: %(default)s)")
    command.add_argument("--shard-size", type=int, default=per_shard, help="clips (default: %(default)s)")
    command.add_argument("--one-shard", action="store_true", help="all in one, without a number in its name")
    command.add_argument("--frames", type=int, default=frames, help="a clip (default: %(default)s)")
    command.add_argument("--fps", type=int, default=CropSize.fps, help="(default: %(default)s)")
    command.add_argument("--crf", type=int, default=17, help="H.264 quality, lower is better")


if __name__ == "__main__":
    options.run(main, parser())
