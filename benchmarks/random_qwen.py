"""Qwen3-VL of any size with random weights, saved as the real one is; its tokenizer knows bytes alone."""

from pathlib import Path
from typing import Any

import torch

_SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_random_qwen(
    folder: Path,
    text: dict[str, Any],
    vision: dict[str, Any],
    pixels: tuple[int, int],
    dtype: torch.dtype = torch.float32,
) -> Path:
    """`text` and `vision` are Qwen3VLConfig's; `pixels` are those of a clip's frames together, at least and at most."""
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
    tokenizer = Qwen2Tokenizer(letters, [], additional_special_tokens=_SPECIAL)
    number = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={"vocab_size": len(tokenizer), **text},
        vision_config=vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    Qwen3VLForConditionalGeneration._from_config(config, dtype=dtype).save_pretrained(folder)
    size = {"shortest_edge": pixels[0], "longest_edge": pixels[1]}
    image, video = Qwen2VLImageProcessor(patch_size=16, size=size), Qwen3VLVideoProcessor(size=size)
    Qwen3VLProcessor(image, tokenizer, video, chat_template=_TEMPLATE).save_pretrained(folder)
    return folder


def rope(sections: list[int]) -> dict[str, Any]:
    """Positions of time, height and width, as Qwen3-VL interleaves them."""
    kind = {"rope_type": "default", "mrope_interleaved": True, "rope_theta": 5e6}
    return kind | {"mrope_section": sections}
