"""Tiny random models in transformers' real formats, saved as the real ones are and loaded by the same lines."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessor,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    VitPoseBackboneConfig,
    VitPoseConfig,
    VitPoseForPoseEstimation,
    VitPoseImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
)


def save_rt_detr(folder: Path, name: str = "person") -> Path:
    """Two classes, the second of which is called `name`."""
    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[8, 16, 16],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        decoder_layers=1,
        num_queries=20,
        num_denoising=0,
        id2label={0: "car", 1: name},
    )
    model = RTDetrForObjectDetection(config)
    for layer in model.model.decoder.class_embed:
        torch.nn.init.normal_(layer.weight)  # so that both classes occur
        torch.nn.init.zeros_(layer.bias)
    model.save_pretrained(folder)
    RTDetrImageProcessor().save_pretrained(folder)
    return folder


def save_yolos(folder: Path, name: str) -> Path:
    """Two classes, the second of which is called `name`, and pictures' form as checkpoints of 2022 write it."""
    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[64, 96],
        num_detection_tokens=20,
        use_mid_position_embeddings=False,
        id2label={0: "vehicle", 1: name},
    )
    model = YolosForObjectDetection(config)
    for layer in model.class_labels_classifier.layers:
        torch.nn.init.normal_(layer.weight)  # so that both classes occur
    torch.nn.init.normal_(model.vit.embeddings.detection_tokens)
    model.save_pretrained(folder)
    form = {
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "YolosFeatureExtractor",
        "format": "coco_detection",
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "max_size": 1333,
        "size": 512,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(form))
    return folder


def save_vitpose(folder: Path, points: int = 17, experts: int = 1) -> Path:
    """With `experts`, of the ViTPose+ kind."""
    torch.manual_seed(0)
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48],
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_experts=experts,
        part_features=8,
        out_indices=[1],
    )
    config = VitPoseConfig(backbone_config=backbone, num_labels=points)
    VitPoseForPoseEstimation(config).save_pretrained(folder)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder


def save_depth_anything(folder: Path, kind: str = "relative") -> Path:
    """Of the kind `relative` or `metric`."""
    torch.manual_seed(0)
    backbone = Dinov2Config(
        image_size=56,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type=kind,
    )
    model = DepthAnythingForDepthEstimation(config)
    torch.nn.init.constant_(model.head.conv3.bias, 0.5)  # random weights may otherwise end below the ReLU
    model.save_pretrained(folder)
    DPTImageProcessor(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return folder


def break_weights(folder: Path, name: str = "") -> Path:
    """Make a weight whose name ends in `name` (default: the first) not a number."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    chosen = next(key for key in weights if key.endswith(name))
    weights[chosen] = torch.full_like(weights[chosen], torch.nan)
    save_file(weights, path, metadata={"format": "pt"})
    return folder


def drop_weight(folder: Path) -> Path:
    """Leave the last weight out of the file."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights.pop(list(weights)[-1])
    save_file(weights, path, metadata={"format": "pt"})
    return folder
