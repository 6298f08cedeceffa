"""The diffusion backbone: conditioning frames in, generated frames out, of several clips at once."""

import logging
import os
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from operators.generation.blank import blank_once
from operators.generation.windows import Windows
from schemas.generation import Request, Window
from schemas.profile import WanVace

if TYPE_CHECKING:
    from diffusers import WanVACEPipeline

log = logging.getLogger("recast")


class WanVaceGenerator:
    """Generates any number of frames for any number of requests, `batch` windows of one size at a time.

    Models are loaded once and stay. What does not fit into the GPU's memory is done in halves, and so is whatever
    fails beside others; what fails alone is its own request's error and no other's. An error after which CUDA is
    of no use ends the process: a new one has a new context, and the attempt counts (operators/recovery/attempts.py).
    `calls` counts windows denoised. Not for several threads: the VAE keeps state between calls.
    """

    def __init__(
        self, settings: WanVace, device: str = "cpu", pipeline: "WanVACEPipeline | None" = None
    ) -> None:
        """A `pipeline` that is in memory already takes the place of the profile's, with its text encoder if any."""
        from operators.generation.text_encoder import PromptEncoder
        from operators.generation.wan_vace import (  # diffusers: slow, and only actors need it
            load_vace,
            prepare,
        )

        self.settings = settings
        if pipeline:
            self.pipeline, self.prompts = prepare(pipeline, settings), PromptEncoder(pipeline)
        else:
            self.pipeline = load_vace(settings, device)
            self.prompts = PromptEncoder.load(settings.weights, settings.text_device or device)
        self.prompts.check(self.pipeline.transformer)
        self.pipeline.vae.encode = blank_once(self.pipeline.vae.encode)
        self.nothing = self.prompts(settings.negative_prompt)[None]
        self.fits: dict[tuple[int, ...], int] = {}
        self.calls, self.started = 0, False
        if settings.warm_up:
            self._warm_up()
        self.started = True

    def __call__(self, conditioning: np.ndarray, mask: np.ndarray, prompt: str, seed: int) -> np.ndarray:
        """uint8 [T,h,w,3] from conditioning uint8 [T,h,w,3] and mask bool [T,h,w] (True: generate).

        h and w are multiples of 16: other sizes would be silently mis-conditioned. The same arguments give
        the same frames. Raises ValueError for other shapes and for frames that are not finite.
        """
        (made,) = self.together([Request(conditioning, mask, prompt, seed)])
        if isinstance(made, Exception):
            raise made
        return made

    def together(self, requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        """Frames uint8 [T,h,w,3] for each request, or what was raised for it; neighbours change last bits only."""
        one = self.settings
        videos = [Windows(asked, one.window, one.overlap, one.pad, one.one_seed) for asked in requests]
        while todo := sorted((video for video in videos if video.left), key=lambda video: -video.left):
            # The longest go first, so that batches are full to the end.
            size = todo[0].size
            alike = [video for video in todo if video.size == size]
            chosen = alike[: self.fits.get(size, self.settings.batch)]
            for video, made in zip(chosen, self._sample([video.next() for video in chosen]), strict=True):
                video.add(made)
        return [video.result for video in videos]

    def _sample(self, windows: list[Window]) -> list[np.ndarray | Exception]:
        """Frames uint8 [T,h,w,3] of each window, or what was raised for it."""
        try:
            return self._denoise(windows)
        except Exception as error:
            if self.started and is_fatal(error):
                end_process(error)
            traceback.clear_frames(error.__traceback__)  # they hold tensors
            failure = error
        half = (len(windows) + 1) // 2
        if isinstance(failure, torch.OutOfMemoryError):
            log.warning("%d windows do not fit into memory", len(windows))
            self.fits[windows[0].video.shape[:3]] = half
            torch.cuda.empty_cache()
        if len(windows) == 1:
            return [failure]
        return self._sample(windows[:half]) + self._sample(windows[half:])

    def _denoise(self, windows: list[Window]) -> list[np.ndarray | Exception]:
        from operators.generation.denoise import sample_together

        words = torch.stack([self.prompts(window.prompt) for window in windows])
        videos = sample_together(self.pipeline, windows, words, self.nothing, self.settings)
        self.calls += len(windows)
        return [_checked(video, window) for video, window in zip(videos, windows, strict=True)]

    def _warm_up(self) -> None:
        """One step of a full batch at each size of the profile: kernels are compiled, memory proves enough."""
        settings, self.settings = self.settings, self.settings.model_copy(update={"steps": 1})
        tubes = [settings.tube, *settings.small_tubes] if settings.mode == "tubes" else []
        for size in (*tubes, settings.frame):
            shape = (settings.window, size.height, size.width)
            gray = Request(np.full((*shape, 3), 128, np.uint8), np.ones(shape, bool), "", 0)
            for made in self.together([gray] * settings.batch):
                if isinstance(made, Exception):
                    raise made
        self.settings, self.calls = settings, 0


def _checked(video: np.ndarray, window: Window) -> np.ndarray | Exception:
    if video.shape != window.video.shape or not np.isfinite(video).all():
        return ValueError(f"generated {video.shape} for {window.video.shape}, or not finite")
    return np.round(video * 255).astype(np.uint8)


def is_fatal(error: Exception) -> bool:
    """Whether the process' CUDA context is lost: every later call would raise the same."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)


def end_process(error: Exception) -> None:
    """Leave at once, without the clean-up that would take this attempt's mark away."""
    log.critical("CUDA is lost, this process ends: %s", str(error).splitlines()[0])
    logging.shutdown()
    os._exit(1)
