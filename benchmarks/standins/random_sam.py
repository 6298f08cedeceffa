"""SAM 2 video and SAM 3 video with random weights, tiny or of the real sizes, saved as the real ones are."""

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


def tiny_sam2() -> Sam2VideoConfig:
    """For pictures of 128 px."""
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
    return Sam2VideoConfig(vision_config=vision, **_tracker(128, 16, levels))


def sam2_large() -> Sam2VideoConfig:
    """SAM 2.1 large's; the class's default is that of tiny."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 144,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    }
    channels = [1152, 576, 288, 144]
    return Sam2VideoConfig(
        vision_config=Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=channels)
    )


def save_sam2(folder: Path, config: Sam2VideoConfig | None = None) -> Path:
    """The whole folder of a model, tiny unless `config` says otherwise."""
    torch.manual_seed(0)
    config = config or tiny_sam2()
    Sam2VideoModel(config).save_pretrained(folder)
    side = config.image_size
    size = {"height": side, "width": side}
    image, video = Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size)
    Sam2VideoProcessor(image, video).save_pretrained(folder)
    return folder


def tiny_sam3(words: CLIPTokenizer) -> Sam3VideoConfig:
    """For pictures of 112 px and the words that a tokenizer knows."""
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
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": len(words),
            "hidden_size": 16,
            "intermediate_size": 16,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id,
        },
        "geometry_encoder_config": part,
        "detr_encoder_config": part,
        "detr_decoder_config": {**part, "num_queries": 6},
        "mask_decoder_config": {"hidden_size": _WIDTH, "num_attention_heads": 2},
    }
    tracker = {"model_type": "sam3_tracker_video", "vision_config": vision, **_tracker(112, 14, levels)}
    return Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=32)


def save_sam3(folder: Path, config: Sam3VideoConfig | None = None) -> Path:
    """The whole folder of a model, tiny unless `config` says otherwise, with a tokenizer that knows letters."""
    torch.manual_seed(0)
    tokenizer = _tokenizer(folder)
    config = config or tiny_sam3(tokenizer)
    Sam3VideoModel(config).save_pretrained(folder)
    side = config.tracker_config.image_size
    size = {"height": side, "width": side}
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
