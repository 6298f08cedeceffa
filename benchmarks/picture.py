"""The README's picture: source, conditioning and result, one below the other, at a few moments of one clip a dataset.

python -m benchmarks.picture docs/recast.jpg --of VIDEO DATASET --of tests/data/street.mp4 output/street-structhuman
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import webdataset

from operators.video.encode import decode_bytes

GAP = 6  # px
WIDTH = 480  # px of one moment


def contact_sheet(rows: list[np.ndarray], moments: list[int], width: int = WIDTH) -> np.ndarray:
    """uint8 [T,h,w,3] each, of equal T -> uint8 [H,W,3]: a row per video, a column per moment, white between."""
    height = round(width * rows[0].shape[1] / rows[0].shape[2])
    sheet = np.full((len(rows) * (height + GAP) - GAP, len(moments) * (width + GAP) - GAP, 3), 255, np.uint8)
    for y, frames in enumerate(rows):
        for x, moment in enumerate(moments):
            top, left = y * (height + GAP), x * (width + GAP)
            small = cv2.resize(frames[moment], (width, height), interpolation=cv2.INTER_AREA)
            sheet[top : top + height, left : left + width] = small
    return sheet


def rows_of(video: Path, dataset: Path) -> list[np.ndarray]:
    """Source, conditioning and result, uint8 [T,H,W,3] each, of the clip with the most people."""
    shards = sorted(map(str, dataset.glob("shards/*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    sample = max(samples, key=lambda sample: json.loads(sample["json"])["certificate"]["people"])
    first = json.loads(sample["json"])["first_frame"]
    result, conditioning = decode_bytes(sample["mp4"]), decode_bytes(sample["condition.mp4"])
    return [decode_bytes(video.read_bytes())[first : first + len(result)], conditioning, result]


def main() -> None:
    """Draw one dataset below the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path, help="the JPEG to write")
    parser.add_argument(
        "--of",
        type=Path,
        nargs=2,
        action="append",
        required=True,
        metavar=("VIDEO", "DATASET"),
        help="a video, and the dataset that was made from it and nothing else; may be repeated",
    )
    parser.add_argument("--moments", type=int, default=3)
    arguments = parser.parse_args()
    sheets = []
    for video, dataset in arguments.of:
        rows = rows_of(video, dataset)
        last = len(rows[0]) - 1
        moments = np.linspace(0, last, arguments.moments + 2).round().astype(int)[1:-1].tolist()
        sheets.append(contact_sheet(rows, moments))
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    between = np.full((3 * GAP, sheets[0].shape[1], 3), 255, np.uint8)
    sheet = np.concatenate([part for one in sheets for part in (one, between)][:-1])
    cv2.imwrite(str(arguments.picture), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
