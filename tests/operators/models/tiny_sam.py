"""Tiny random SAM 2 video and SAM 3 video models, saved as the real ones are and loaded by the same lines."""

import json
from pathlib import Path

import torch
from transformers import (
    CLIPTokenizer,
    Sam2ImageProcessor,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
    Sam2VisionConfig,
    Sam3ImageProcessor,
    Sam3VideoConfig,
    Sam3VideoModel,
    Sam3VideoProcessor,
)

_WIDTH = 128  # twice the width of the memory, which is not a setting; all else can be narrow
_DECODER = {"hidden_size": _WIDTH, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16}


def _tracker(side: int, patch: int, levels: list[list[int]]) -> dict[str, object]:
    """What SAM 2's and SAM 3's trackers share, for pictures of `side` px."""
    return {
        "prompt_encoder_config": {
            "hidden_size": _WIDTH,
            "image_size": side,
            "patch_size": patch,
            "mask_input_channels": 4,
        },
        "mask_decoder_config": _DECODER,
        "image_size": side,
        "memory_attention_hidden_size": _WIDTH,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 16,
        "memory_attention_rope_feat_sizes": levels[-1],
        "memory_encoder_hidden_size": _WIDTH,
        "memory_encoder_output_channels": _WIDTH // 2,
        "mask_downsampler_embed_dim": _WIDTH,
        "memory_fuser_embed_dim": _WIDTH,
        "memory_fuser_intermediate_dim": 16,
        "num_maskmem": 3,
    }


def save_sam2(folder: Path) -> Path:
    """SAM 2 video for pictures of 128 px."""
    torch.manual_seed(0)
    levels = [[32, 32], [16, 16], [8, 8]]
    vision = Sam2VisionConfig(
        backbone_config={
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 8,
            "image_size": [128, 128],
            "blocks_per_stage": [1, 1, 2, 1],
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "window_size_per_stage": [8, 4, 4, 2],
            "global_attention_blocks": [3],
        },
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=levels,
        fpn_hidden_size=_WIDTH,
    )
    Sam2VideoModel(Sam2VideoConfig(vision_config=vision, **_tracker(128, 16, levels))).save_pretrained(folder)
    size = {"height": 128, "width": 128}
    Sam2VideoProcessor(Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size)).save_pretrained(
        folder
    )
    return folder


def save_sam3(folder: Path) -> Path:
    """SAM 3 video for pictures of 112 px, with a tokenizer that knows letters."""
    torch.manual_seed(0)
    levels = [[32, 32], [16, 16], [8, 8]]
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 112,
            "pretrain_image_size": 56,
            "patch_size": 14,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
        "fpn_hidden_size": _WIDTH,
        "backbone_feature_sizes": levels,
    }
    part = {"hidden_size": _WIDTH, "num_attention_heads": 2, "num_layers": 1, "intermediate_size": 16}
    tokenizer = _tokenizer(folder)
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "intermediate_size": 16,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        "geometry_encoder_config": part,
        "detr_encoder_config": part,
        "detr_decoder_config": {**part, "num_queries": 6},
        "mask_decoder_config": {"hidden_size": _WIDTH, "num_attention_heads": 2},
    }
    tracker = {"model_type": "sam3_tracker_video", "vision_config": vision, **_tracker(112, 14, levels)}
    config = Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=32)
    Sam3VideoModel(config).save_pretrained(folder)
    size = {"height": 112, "width": 112}
    video = Sam2VideoVideoProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    Sam3VideoProcessor(Sam3ImageProcessor(size=size), video, tokenizer).save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's, with letters for words."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
