"""Qwen3-VL of any size with random weights, saved as the real one is; its tokenizer knows bytes alone."""

from pathlib import Path
from typing import Any, NamedTuple

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


class Shape(NamedTuple):
    """Of one half of the model: channels, those within a block, blocks, attention heads; `more` is the half's own."""

    width: int
    inner: int
    layers: int
    heads: int
    more: dict[str, Any]


class Size(NamedTuple):
    """A model; `pixels` are those of a clip's frames together, at least and at most."""

    text: Shape
    vision: Shape
    pixels: tuple[int, int]


def _text(groups: int, rope: list[int], **more: Any) -> dict[str, Any]:
    """`groups` of key and value heads; shares of a head for time, height and width, as Qwen3-VL interleaves them."""
    kind = {"rope_type": "default", "mrope_interleaved": True, "rope_theta": 5e6, "mrope_section": rope}
    return {"num_key_value_heads": groups, "rope_parameters": kind, **more}


def _vision(positions: int, taken: list[int]) -> dict[str, Any]:
    """The blocks `taken` are also given to the text's first ones."""
    return {"num_position_embeddings": positions, "deepstack_visual_indexes": taken}


TINY = Size(
    Shape(32, 32, 2, 2, _text(1, [4, 2, 2])),
    Shape(16, 16, 2, 2, _vision(16, [0])),
    (32 * 32 * 4, 32 * 32 * 64),
)
INSTRUCT_8B = Size(
    Shape(4096, 12288, 36, 32, _text(8, [24, 20, 20], vocab_size=151936)),
    Shape(1152, 4304, 27, 16, _vision(2304, [8, 16, 24])),
    (4096, 25165824),
)


def save_random_qwen(folder: Path, size: Size = TINY, dtype: torch.dtype = torch.float32) -> Path:
    """The whole folder of a model, as transformers saves it."""
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
    text, vision, pixels = size
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": text.width,
            "intermediate_size": text.inner,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "head_dim": text.width // text.heads,
            **text.more,
        },
        vision_config={
            "hidden_size": vision.width,
            "intermediate_size": vision.inner,
            "depth": vision.layers,
            "num_heads": vision.heads,
            "out_hidden_size": text.width,
            **vision.more,
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    torch.manual_seed(0)
    Qwen3VLForConditionalGeneration._from_config(config, dtype=dtype).save_pretrained(folder)
    edges = {"shortest_edge": pixels[0], "longest_edge": pixels[1]}
    image, video = Qwen2VLImageProcessor(patch_size=16, size=edges), Qwen3VLVideoProcessor(size=edges)
    Qwen3VLProcessor(image, tokenizer, video, chat_template=_TEMPLATE).save_pretrained(folder)
    return folder
