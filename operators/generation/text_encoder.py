"""Prompts -> the embeddings that the transformer attends to."""

from functools import lru_cache
from pathlib import Path

import torch
from diffusers import WanVACEPipeline, WanVACETransformer3DModel
from diffusers.pipelines.wan.pipeline_wan_vace import prompt_clean
from transformers import UMT5EncoderModel

from operators.generation.phrase_embedding import WIDTH, embed_phrases
from operators.models.runtime.loading import load_model
from operators.weights import vouched
from schemas.errors import UserError

LENGTH = 512  # rows that Wan was trained on: a prompt's tokens, then zeros, without a mask
_KEPT = 256  # embeddings, of a megabyte each: windows and neighbouring clips share prompts


class PromptEncoder:
    """The text encoder of a pipeline, or `embed_phrases` where it has none, as in the embedded profile."""

    def __init__(self, pipeline: WanVACEPipeline | None) -> None:
        self.pipeline = pipeline if pipeline and pipeline.text_encoder else None
        self.tokens = lru_cache(_KEPT)(self._tokens)

    @classmethod
    def load(cls, weights: str | Path, device: str = "cpu") -> "PromptEncoder":
        """Of a saved pipeline, and nothing else of it; umt5-xxl takes 11 GB, on whichever device."""
        if not (Path(weights) / "text_encoder").is_dir():
            return cls(None)
        encoder = load_model(UMT5EncoderModel, Path(weights) / "text_encoder", device, "bfloat16")
        if not torch.equal(encoder.shared.weight, encoder.encoder.embed_tokens.weight):
            # One matrix under two names, of which checkpoints hold one: versions of transformers left the other random.
            problem = "was loaded with two embeddings of words where it has one"
            raise UserError(
                f"{weights}/text_encoder", problem, "Use the version of transformers in requirements.txt"
            )
        pipeline = WanVACEPipeline.from_pretrained(
            vouched(weights),
            text_encoder=encoder,
            vae=None,
            transformer=None,
            local_files_only=True,
            use_safetensors=True,
        )
        return cls(pipeline)

    def check(self, transformer: WanVACETransformer3DModel) -> None:
        """Raises UserError if the transformer reads other embeddings."""
        width = self.pipeline.text_encoder.config.d_model if self.pipeline else WIDTH
        if width != transformer.config.text_dim:
            problem = f"embeds prompts {width} wide, the transformer reads {transformer.config.text_dim}"
            remedy = "Name a pipeline with its own text_encoder and tokenizer (generator.weights)"
            raise UserError("the text encoder", problem, remedy)

    def __call__(self, prompt: str) -> torch.Tensor:
        """float32 [512,W] on the CPU, or [24,64] of phrases; cleaned and cut to 512 tokens as Wan does it."""
        if self.pipeline is None:
            return torch.from_numpy(embed_phrases(prompt))
        tokens = self.tokens(prompt).float()
        return torch.cat([tokens, tokens.new_zeros(LENGTH - len(tokens), tokens.shape[1])])

    @torch.no_grad()
    def _tokens(self, prompt: str) -> torch.Tensor:
        """bfloat16 [L,W]: of the prompt's tokens alone, since padding changes nothing and costs most of the time."""
        assert self.pipeline is not None
        length = min(LENGTH, len(self.pipeline.tokenizer(prompt_clean(prompt)).input_ids))
        embedding, _ = self.pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, max_sequence_length=length
        )
        return embedding[0].cpu()
