"""A Wan-VACE pipeline of random weights: its pictures are noise, its time and memory are real."""

from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

# Wan2.1-VACE-1.3B's configurations; what is not named is the classes' default. The text encoder is umt5-xxl.
TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 12, "attention_head_dim": 128, "text_dim": 4096, "ffn_dim": 8960, "num_layers": 30,
    "vace_layers": list(range(0, 30, 2)), "cross_attn_norm": True,
}  # fmt: skip
VAE: dict[str, Any] = {}
TEXT: dict[str, Any] = {
    "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
}  # fmt: skip


def random_vace(
    transformer: dict[str, Any] = TRANSFORMER,
    vae: dict[str, Any] = VAE,
    text: dict[str, Any] = TEXT,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> WanVACEPipeline:
    """In memory, as `load_vace` and `PromptEncoder.load` leave a saved one: VAE and norms float32, the rest `dtype`."""
    torch.manual_seed(0)
    with torch.device(device):
        network = WanVACETransformer3DModel(**transformer)
        codec = AutoencoderKLWan(**vae)
        encoder = UMT5EncoderModel(UMT5Config(pad_token_id=0, **text))
    for name, weight in network.named_parameters():
        if not any(part in name for part in network._keep_in_fp32_modules):
            weight.data = weight.data.to(dtype)
    return WanVACEPipeline(
        tokenizer=letters(),
        text_encoder=encoder.to(dtype).eval(),
        vae=codec.eval(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        transformer=network.eval(),
    )


def letters() -> T5TokenizerFast:
    """A tokenizer of umt5's kind that knows letters only."""
    words = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz,"]
    tokenizer = Tokenizer(models.Unigram([(word, -float(i)) for i, word in enumerate(words)], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0)
