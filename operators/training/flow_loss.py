"""One step of flow matching on VACE-conditioned latents: the loss on which both modes of jobs/finetune.py train."""

import torch
from torch import nn

from operators.training.discriminator import Critic
from schemas.recipe import Recipe

_LEVELS = 1000  # entries of the table of noise levels


class Denoising:
    """Loss of a transformer at random noise levels of the shifted table.

    Prediction "flow_prediction": squared error of the velocity n - x under a bell-shaped weight of the noise level
    (DiffSynth-Studio's recipe, and the paper's). "sample": squared error of x itself, each channel by `channels`
    [C] as much as it shows in pixels, and eleven times as much where something is to be generated: a small network
    cannot carry the noise through itself, as the velocity asks.
    """

    def __init__(self, recipe: Recipe, channels: torch.Tensor | None = None) -> None:
        self.recipe, self.channels = recipe, channels
        u = torch.arange(1, _LEVELS + 1, dtype=torch.float32) / _LEVELS
        self.levels = recipe.shift * u / (1 + (recipe.shift - 1) * u)
        bell = torch.exp(-2 * (self.levels - 0.5) ** 2)
        bell = bell - bell.min()
        self.weights = bell / bell.mean()

    def __call__(
        self,
        model: nn.Module,
        x: torch.Tensor,
        z: torch.Tensor,
        text: torch.Tensor,
        generator: torch.Generator,
        critic: Critic | None = None,
    ) -> torch.Tensor:
        """Scalar for x [B,C,1+t,h,w] with its reference first, z [B,V,1+t,h,w], text [B,L,W]; CPU generator.

        A critic judges what is made of nothing but noise.
        """
        index = torch.randint(_LEVELS, (len(x),), generator=generator)
        pure = torch.rand(len(x), generator=generator) < (1.0 if critic else self.recipe.pure_noise)
        index = torch.where(pure, _LEVELS - 1, index)
        noise = torch.randn(x.shape, generator=generator).to(x)
        dropped = torch.rand(len(x), 2, generator=generator)
        text = text * (dropped[:, 0] >= self.recipe.drop_text).view(-1, 1, 1).to(text)
        spoken = torch.rand(*text.shape[:2], 1, generator=generator) >= self.recipe.drop_phrase
        text = text * spoken.to(text)
        z = z * (dropped[:, 1] >= self.recipe.drop_condition).view(-1, 1, 1, 1, 1).to(z)
        level = self.levels[index].view(-1, 1, 1, 1, 1).to(x)
        noisy = (1 - level) * x + level * noise
        made = model(noisy, 1000 * level.flatten(), text, control_hidden_states=z, return_dict=False)[
            0
        ].float()
        if self.recipe.prediction == "flow_prediction":
            weight = self.weights[index].view(-1, 1, 1, 1, 1).to(x)
            return (weight * (made - (noise - x)) ** 2).mean()
        anew = z[:, 2 * x.shape[1] :, 1:].mean(dim=1, keepdim=True)
        error = (made[:, :, 1:] - x[:, :, 1:]).square() * (0.1 + anew)
        if self.channels is not None:
            error = error * self.channels.view(1, -1, 1, 1, 1).to(x)
        loss = error.mean()
        return loss + critic(made, x, z, text, loss) if critic else loss
