"""The README's picture: source, conditioning and result, one below the other, at a few moments of one clip.

python -m benchmarks.picture tests/data/street.mp4 output/street-structhuman docs/recast.jpg
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


def main() -> None:
    """Draw the clip with the most people."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "source", type=Path, help="the video that the dataset was made from, and nothing else"
    )
    parser.add_argument("output", type=Path, help="the dataset")
    parser.add_argument("picture", type=Path, help="the JPEG to write")
    parser.add_argument("--moments", type=int, default=3)
    arguments = parser.parse_args()
    shards = sorted(map(str, arguments.output.glob("shards/*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    sample = max(samples, key=lambda sample: json.loads(sample["json"])["certificate"]["people"])
    first = json.loads(sample["json"])["first_frame"]
    result, conditioning = decode_bytes(sample["mp4"]), decode_bytes(sample["condition.mp4"])
    source = decode_bytes(arguments.source.read_bytes())[first : first + len(result)]
    moments = np.linspace(0, len(result) - 1, arguments.moments + 2).round().astype(int)[1:-1].tolist()
    sheet = contact_sheet([source, conditioning, result], moments)
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.picture), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
