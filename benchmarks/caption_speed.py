"""How long the captioner takes for a clip: `python -m benchmarks.caption_speed --device cuda`.

Qwen3-VL-8B of its real size with random weights, in bfloat16 (17 GB of memory and of disk): its time is real, its words
are none. It says as many tokens as an answer of 150 words has. On a GPU it is the time that passes, on a CPU the
processor time of one thread.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.cues_speed import SIZES
from operators.describe import SceneDescriber
from operators.encode import decode_bytes

TOKENS = 200  # English has three words to four of Qwen's tokens
_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
_PADS = ["<|image_pad|>", "<|video_pad|>"]
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{% for part in message['content'] %}{% if part['type'] == 'video' %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>"
    "{% endfor %}"
)


def save(folder: Path) -> None:
    """Qwen3-VL-8B-Instruct's shape; its tokenizer knows letters only, so the question is 700 tokens longer."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        Qwen2Tokenizer,
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    letters = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(letters, [], additional_special_tokens=[*_SPECIAL, *_PADS])
    number = tokenizer.convert_tokens_to_ids
    rope = {
        "rope_type": "default",
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
        "rope_theta": 5e6,
    }
    text = {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rope_parameters": rope,
    }
    vision = {
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_heads": 16,
        "out_hidden_size": 4096,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        dtype="bfloat16",
    )
    Qwen3VLForConditionalGeneration._from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    size = {"shortest_edge": 4096, "longest_edge": 25165824}  # of all frames together, as the checkpoint says
    image, video = (
        Qwen2VLImageProcessor(patch_size=16, size=size),
        Qwen3VLVideoProcessor(size=size),
    )
    Qwen3VLProcessor(image, tokenizer, video, chat_template=_TEMPLATE).save_pretrained(folder)


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    street = decode_bytes(Path("tests/data/street.mp4").read_bytes())[:49]
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
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
