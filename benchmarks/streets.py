"""Rendered streets with truth, for jobs.evaluate: `python -m benchmarks.streets --people PEOPLE FOLDER`.

Writes FOLDER/in/NAME.mp4, the first frames of each held-out street, and FOLDER/truth/NAME.masks.npz and NAME.json, for
`jobs.evaluate --truth FOLDER/truth`. docs/measured.md has the commands that follow.
"""

import json
from argparse import ArgumentParser
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from operators.training.synthetic_people import read_people
from operators.video.encode import encode_video


def main() -> None:
    """One video, with its truth, of each street."""
    parser = ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--people", type=Path, required=True, help="synthetic people of jobs.render_people")
    parser.add_argument("--clips", type=int, default=12, metavar="N")
    parser.add_argument("--frames", type=int, default=9, metavar="N")
    arguments = parser.parse_args()
    videos, truth = arguments.folder / "in", arguments.folder / "truth"
    for folder in (videos, truth):
        folder.mkdir(parents=True, exist_ok=True)
    for whole in islice(read_people(arguments.people, "street-val.tar"), arguments.clips):
        clip = whole.window(0, arguments.frames)
        moments = list(range(len(clip.frames)))
        video = encode_video(clip.frames, moments, Fraction(1, 12), Fraction(12), 12, "veryfast")
        (videos / f"{clip.key}.mp4").write_bytes(video)
        np.savez_compressed(truth / f"{clip.key}.masks.npz", masks=clip.masks)
        (truth / f"{clip.key}.json").write_text(json.dumps({"people": clip.people}))


if __name__ == "__main__":
    main()
