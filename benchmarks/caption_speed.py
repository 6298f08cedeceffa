"""How long the captioner takes for a clip: `python -m benchmarks.caption_speed --device cuda`.

Qwen3-VL-8B of its real size with random weights, in bfloat16 (17 GB of memory and of disk): its time is real, its words
are none, and as its tokenizer knows letters alone, the question is some 700 tokens longer. It says as many tokens as an
answer of 150 words has. On a GPU it is the time that passes, on a CPU the processor time of one thread.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.cues_speed import SIZES
from benchmarks.standins.random_qwen import INSTRUCT_8B, save_random_qwen
from operators.models.scene.qwen_vl import SceneDescriber
from operators.video.encode import decode_bytes

TOKENS = 200  # English has three words to four of Qwen's tokens


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    street = decode_bytes(Path("tests/data/street.mp4").read_bytes())[:49]
    with tempfile.TemporaryDirectory() as folder:
        save_random_qwen(Path(folder), INSTRUCT_8B, torch.bfloat16)
        describe = SceneDescriber(folder, arguments.device, "bfloat16", TOKENS // 2)
        describe.model.generation_config.min_new_tokens = arguments.tokens
        describe.tokens = arguments.tokens
        print(f"| clip of 49 frames | seconds ({arguments.device}, {arguments.tokens} tokens) |\n|---|---|")
        for name, (height, width) in SIZES.items():
            frames = np.stack([cv2.resize(frame, (width, height)) for frame in street])
            start = clock()
            describe(frames, 7.5)
            if arguments.device != "cpu":
                torch.cuda.synchronize()
            print(f"| {name} | {clock() - start:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="that it says (default: %(default)s)")
    main(parser.parse_args())
