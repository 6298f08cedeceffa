"""The network of the embedded witness: where in a picture is anything of a person?"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from torch import nn

from operators.models.witnesses.coverage import STRIDE
from operators.weights import vouched
from schemas.errors import UserError

_WIDTHS = (16, 24, 48, 80, 112)  # channels at strides 2, 4, 8, 16, 32
_TOP = 40  # channels of the way back up


class PersonMap(nn.Module):
    """RGB float32 [N,3,H,W] in 0..1, sides multiples of 32 -> logits [N,H/4,W/4]: is there any part of somebody?

    A feature pyramid (Lin et al., arXiv 1612.03144) on plain residual blocks, no boxes and no anchors: a hand that
    sticks out of a mask is as much a positive as a whole person.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_WIDTHS[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_conv(before, width, 2), _Residual(width) if before > 3 else nn.Identity())
            for before, width in zip(inputs, _WIDTHS, strict=True)
        )
        self.across = nn.ModuleList(nn.Conv2d(width, _TOP, 1) for width in _WIDTHS[1:])
        self.smooth = nn.ModuleList(_conv(_TOP, _TOP, 1) for _ in _WIDTHS[1:-1])
        self.score = nn.Conv2d(_TOP, 1, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logits; 0 is as likely as not."""
        features, levels = pictures - 0.5, []
        for stage in self.down:
            features = stage(features)
            levels.append(features)
        up = self.across[-1](levels[-1])
        for number in (2, 1, 0):
            beside = self.across[number](levels[number + 1])
            up = self.smooth[number](F.interpolate(up, scale_factor=2.0, mode="bilinear") + beside)
        return self.score(up)[:, 0]

    @classmethod
    def load(cls, weights: str | Path, device: str = "cpu") -> "PersonMap":
        """The network that jobs.train_witness wrote. Raises UserError if `weights` is none."""
        remedy = "Name the weights that jobs.train_witness writes as the profile's witness.weights"
        if not Path(weights).is_file():
            raise UserError(str(weights), "witness weights not found", remedy)
        network, file = cls(), vouched(weights)
        try:
            network.load_state_dict(load_file(file))
        except Exception as error:  # whatever somebody's file raises
            raise UserError(str(weights), f"no person map ({type(error).__name__})", remedy) from error
        return network.eval().to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def likelihood(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures uint8 [N,H,W,3] RGB -> float32 [N,H/4,W/4], rounded up, 0 to 1."""
        height, width = pictures.shape[1:3]
        pixels = torch.from_numpy(pictures).to(self.score.weight.device).permute(0, 3, 1, 2).float() / 255
        pixels = F.pad(pixels, (0, -width % 32, 0, -height % 32), value=0.5)
        likely = self(pixels).sigmoid().cpu().numpy()
        return likely[:, : -(-height // STRIDE), : -(-width // STRIDE)]


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width, 1), _conv(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.second(self.first(features))


def _conv(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
