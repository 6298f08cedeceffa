"""The diffusion backbone: conditioning frames in, generated frames out. diffusers' WanVACEPipeline."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from operators.caption import embed_phrases
from schemas.errors import UserError


class VideoGenerator:
    """Generates any number of frames, `window` at a time.

    Later windows continue from the last `overlap` generated frames, given as known RGB with VACE mask 0
    (ReGenHuman, "Longer videos"); a tail is padded by repeating its last frame and trimmed after. The
    reference image is the first conditioning frame, never a real one. `calls` counts diffusion calls.
    """

    def __init__(
        self,
        weights: str | Path,
        steps: int,
        guidance: float,
        flow_shift: float,
        window: int,
        overlap: int,
        adapter: str = "",
        device: str = "cpu",
    ) -> None:
        from diffusers import UniPCMultistepScheduler, WanVACEPipeline  # slow, and only actors need it
        from diffusers.video_processor import VideoProcessor

        from operators.adapter import load_adapter

        if not (Path(weights) / "model_index.json").is_file():
            remedy = "Name a folder saved by diffusers' WanVACEPipeline in the profile (generator.weights)"
            raise UserError(str(weights), "holds no pipeline", remedy)
        # Without a hub: what is not in the folder is not fetched.
        self.pipeline = WanVACEPipeline.from_pretrained(
            weights, tokenizer=None, text_encoder=None, dtype=torch.float32, local_files_only=True
        ).to(device)
        if adapter:
            load_adapter(self.pipeline, adapter)
        self.pipeline.set_progress_bar_config(disable=True)
        self.pipeline.scheduler = UniPCMultistepScheduler.from_config(
            self.pipeline.scheduler.config, use_flow_sigmas=True, flow_shift=flow_shift
        )
        # The pipeline counts downsampling levels and overlooks the VAE's patches.
        vae = self.pipeline.vae.config
        self.pipeline.vae_scale_factor_spatial = vae.scale_factor_spatial
        self.pipeline.vae_scale_factor_temporal = vae.scale_factor_temporal
        self.pipeline.video_processor = VideoProcessor(vae_scale_factor=vae.scale_factor_spatial)
        self.steps, self.guidance = steps, guidance
        self.window, self.overlap, self.calls = window, overlap, 0

    def __call__(self, conditioning: np.ndarray, mask: np.ndarray, prompt: str, seed: int) -> np.ndarray:
        """uint8 [T,h,w,3] from conditioning uint8 [T,h,w,3] and mask bool [T,h,w] (True: generate).

        h and w are multiples of 16: other sizes would be silently mis-conditioned. The same arguments give
        the same frames. Raises ValueError for other shapes and for frames that are not finite.
        """
        frames, height, width = conditioning.shape[:3]
        if height % 16 or width % 16 or mask.shape != conditioning.shape[:3] or not frames:
            raise ValueError(
                f"conditioning {conditioning.shape} with mask {mask.shape}: sizes must be multiples of 16"
            )
        made = np.empty((0, height, width, 3), np.uint8)
        while len(made) < frames:
            first = max(0, len(made) - self.overlap)
            video, generate = (
                conditioning[first : first + self.window],
                mask[first : first + self.window].copy(),
            )
            known = made[first:]
            video = np.concatenate([known, video[len(known) :]])
            generate[: len(known)] = False
            missing = self.window - len(video)
            video, generate = (
                np.concatenate([a, np.repeat(a[-1:], missing, axis=0)]) for a in (video, generate)
            )
            result = self._window(video, generate, conditioning[0], prompt, seed + first)
            made = np.concatenate([made, result[len(known) : self.window - missing]])
        return made

    def _window(
        self, video: np.ndarray, generate: np.ndarray, reference: np.ndarray, prompt: str, seed: int
    ) -> np.ndarray:
        device = self.pipeline.device
        height, width = video.shape[1:3]
        words, nothing = (torch.from_numpy(embed_phrases(text))[None].to(device) for text in (prompt, ""))
        self.calls += 1
        output = self.pipeline(
            video=[Image.fromarray(frame) for frame in video],
            mask=[Image.fromarray(frame.astype(np.uint8) * 255) for frame in generate],
            reference_images=[Image.fromarray(reference)],
            prompt_embeds=words,
            negative_prompt_embeds=nothing,
            height=height,
            width=width,
            # Where the VAE does not compress time, rounding to 4k+1 becomes adding one.
            num_frames=len(video) - (self.pipeline.vae_scale_factor_temporal == 1),
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="np",
        ).frames[0]
        if output.shape != video.shape or not np.isfinite(output).all():
            raise ValueError(f"generated {output.shape} for {video.shape}, or not finite")
        return np.round(output * 255).astype(np.uint8)
