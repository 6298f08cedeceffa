"""Words for the scene: Qwen3-VL (Apache-2.0) looks at the video from which the people have been taken out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operators.models.runtime.finite import check_finite
from operators.models.runtime.loading import load_model, load_processor, video_of

if TYPE_CHECKING:  # torch takes seconds to import, and only who asks the model needs it
    import torch

_FRAMES = 8  # evenly spaced, as the paper's captioner sees them
_PROMPT = (
    "This video has gray areas where people were taken out. Describe it for somebody who has to film it again, in "
    "about 120 words of plain English: the place, its surfaces, objects, light and weather; what people in the gray "
    "areas do, as far as their outlines and movements tell; then the camera: its height, angle and movement. "
    "Never say what a person looks like: no clothes, hair, skin, face, age, sex, body or colours of a person. "
    "No names, no signs or other text, no numbers, no guesses, and nothing about the gray areas themselves."
)


class SceneDescriber:
    """Frames uint8 [T,H,W,3] RGB with the people grayed out, and their rate -> what Qwen3-VL says of them.

    Greedy, so that the same frames always give the same words. Its answer still has to pass
    `appearance.without_appearance`. Raises UserError for unusable weights, ValueError if the model's output is not
    finite or says nothing.
    """

    def __init__(
        self, weights: str | Path, device: str = "cpu", dtype: str = "float32", words: int = 200
    ) -> None:
        from transformers import Qwen3VLForConditionalGeneration, Qwen3VLProcessor

        self.model = load_model(Qwen3VLForConditionalGeneration, weights, device, dtype)
        self.model.lm_head.register_forward_hook(_watch)
        self.processor = load_processor(Qwen3VLProcessor, weights)
        self.tokens = 2 * words

    def __call__(self, frames: np.ndarray, fps: float) -> str:
        import torch

        with torch.inference_mode():
            answer = self._said(frames, fps)
        if not answer:
            raise ValueError("the captioner says nothing")
        return answer

    def ask(self, frames: np.ndarray, fps: float, question: str) -> str:
        """What it answers of frames that nobody was taken out of; perhaps nothing."""
        import torch

        with torch.inference_mode():
            return self._said(frames, fps, question)

    def _said(self, frames: np.ndarray, fps: float, asked: str = _PROMPT) -> str:
        chosen = np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)
        question = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": asked}]}]
        text = self.processor.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
        seen = {"total_num_frames": len(frames), "fps": fps, "frames_indices": chosen.tolist()}
        inputs = self.processor(
            text=[text],
            videos=[video_of(frames[chosen])],
            video_metadata=[seen],
            do_sample_frames=False,
            cap_pixels_per_frame=True,
            return_tensors="pt",
        ).to(self.model.device, self.model.dtype)
        made = self.model.generate(**inputs, max_new_tokens=self.tokens, do_sample=False)
        answer: str = self.processor.batch_decode(
            made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )[0].strip()
        return answer


def _watch(_module: Any, _inputs: Any, output: "torch.Tensor") -> None:
    check_finite(output)
