"""A tiny random Qwen3-VL, saved as the real one is and loaded by the same lines."""

from pathlib import Path

import torch

from benchmarks.random_qwen import rope, save_random_qwen


def save_qwen_vl(folder: Path) -> Path:
    torch.manual_seed(0)
    text = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "rope_parameters": rope([4, 2, 2]),
    }
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0],
    }
    return save_random_qwen(folder, text, vision, (32 * 32 * 4, 32 * 32 * 64))
