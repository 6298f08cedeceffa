"""The critic of scratch training: without one, a small network paints the average of all people a pose allows."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from operators.generation.phrase_embedding import WIDTH
from operators.training.tiny_vae import LATENT

_CHANNELS = 128
_RATE = 5e-4
_PENALTY, _PENALTY_EVERY = 3.0, 8  # R1 (Mescheder et al., 2018), on some steps only as StyleGAN2 does
_BLIND, _SHARP = 3.9, 3.3  # hinge loss between which the critic's opinion starts to count; 4 is guessing


class Critic:
    """Tells latents of real pairs of frames from made ones, given the condition and the words, place by place.

    A conditional patch discriminator (Isola et al., 2017) on latents, with the hinge loss. It learns as it is called.
    One worker only: its weights are not averaged over several.
    """

    def __init__(self, weight: float, channels: torch.Tensor, device: torch.device | str = "cpu") -> None:
        """`weight`: its pull on the output as a multiple of the reconstruction's; `channels` [C]: see Denoising."""
        self.weight, self.loss, self.calls = weight, 4.0, 0
        self.strength = channels.to(device).sqrt().clamp(0.4, 2.5).view(1, -1, 1, 1, 1)
        self.net = _Patches().to(device)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), _RATE, (0.5, 0.98), weight_decay=0.01)

    def __call__(
        self, made: torch.Tensor, x: torch.Tensor, z: torch.Tensor, text: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """A term for the loss: its value is 0, its gradient with respect to `made` pulls towards the real.

        made, x [B,C,1+t,h,w] with the reference first, t at least 2; z, text as in Denoising; `loss` is the
        reconstruction's, whose gradient sets the scale.
        """
        repeats = (x.shape[2] - 1) // 2
        words = text.sum(dim=1).repeat_interleave(repeats, dim=0)
        known, real = _pairs(z), _pairs(x)
        anew = known[:, 2 * LATENT :].mean(dim=1, keepdim=True).clamp(0, 1)
        context = torch.cat([known[:, : 2 * LATENT], anew], dim=1)
        self._learn(real, _pairs(made.detach()) * anew + real * (1 - anew), context, words, anew)

        scale = torch.autograd.grad(loss, made, retain_graph=True)[0].norm()
        output = made.detach().requires_grad_()
        seen = _pairs(output) * anew + real * (1 - anew)  # as it will be pasted
        pull = torch.autograd.grad(-self._opinion(seen, context, words, anew), output)[0]
        heard = min(1.0, max(0.0, (_BLIND - self.loss) / (_BLIND - _SHARP)))
        term = (self.weight * heard * scale / pull.norm().clamp(min=1e-8) * pull * made).sum()
        return term - term.detach()

    def state(self) -> dict[str, Any]:
        """All that going on needs."""
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss": self.loss,
            "calls": self.calls,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """What `state` returned."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss, self.calls = state["loss"], state["calls"]

    def _learn(
        self,
        real: torch.Tensor,
        seen: torch.Tensor,
        context: torch.Tensor,
        words: torch.Tensor,
        anew: torch.Tensor,
    ) -> None:
        """One step: real pairs above +1, made ones below -1."""
        loss = torch.zeros((), device=real.device)
        for latents, sign in ((real, 1), (seen, -1)):
            for logits, share in self.net(latents * self.strength, context, words, anew):
                loss = loss + (functional.relu(1 - sign * logits) * share).sum()
        self.calls += 1
        self.loss = 0.98 * self.loss + 0.02 * loss.item()
        if self.calls % _PENALTY_EVERY == 0:
            tested = real.clone().requires_grad_()
            slope = torch.autograd.grad(
                self._opinion(tested, context, words, anew), tested, create_graph=True
            )[0]
            loss = loss + _PENALTY_EVERY * _PENALTY / 2 * len(real) * slope.square().sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _opinion(self, latents: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        return sum(
            ((logits * share).sum() for logits, share in self.net(latents * self.strength, *given)),
            start=torch.zeros((), device=latents.device),
        )


class _Patches(nn.Module):
    """Logits at two scales, each with the share that every place has in the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * (3 * LATENT + 1), _CHANNELS, 3, padding=1)
        self.words = nn.Linear(WIDTH, _CHANNELS)
        self.fine = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1)
        self.down = nn.Conv2d(_CHANNELS, 192, 4, stride=2, padding=1)
        self.coarse = nn.Conv2d(192, 192, 3, padding=1)
        self.judge_fine, self.judge_coarse = nn.Conv2d(_CHANNELS, 1, 1), nn.Conv2d(192, 1, 1)

    def forward(
        self, latents: torch.Tensor, context: torch.Tensor, words: torch.Tensor, anew: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """latents [N,C,2,h,w], context [N,2C+1,2,h,w], words [N,W], anew [N,1,2,h,w]: what was to be generated."""
        hidden = self.first(torch.cat([latents, context], dim=1).flatten(1, 2))
        hidden = functional.leaky_relu(hidden + 0.3 * self.words(words)[:, :, None, None], 0.2)
        hidden = functional.leaky_relu(self.fine(hidden), 0.2)
        wide = functional.leaky_relu(self.coarse(functional.leaky_relu(self.down(hidden), 0.2)), 0.2)
        place = anew.mean(dim=2)
        shares = (place, functional.max_pool2d(place, 2))
        logits = (self.judge_fine(hidden), self.judge_coarse(wide))
        return [(own, share / share.sum().clamp(min=1)) for own, share in zip(logits, shares, strict=True)]


def _pairs(latents: torch.Tensor) -> torch.Tensor:
    """[B,C,1+t,h,w] -> [B * (t // 2),C,2,h,w]: neighbouring frames, without the reference."""
    count = (latents.shape[2] - 1) // 2
    return latents[:, :, 1 : 1 + 2 * count].unflatten(2, (count, 2)).transpose(1, 2).flatten(0, 1)
