"""Membership: does whoever holds an adapter find out which clips it was trained on?"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from scipy.stats import mannwhitneyu

from operators.evaluation.figures import Figures
from operators.evaluation.interval import apart
from operators.generation.wan_vace import load_vace
from schemas.errors import UserError
from schemas.profile import WanVace

_LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)  # of noise at which a pair is denoised
_ALARMS = 0.01  # share of strangers who are taken for members
_PLAIN = {"compile": False, "block_cache": 0, "vae_tiling": False, "warm_up": False}  # a forward, and no more


class Gain:
    """A training pair's latents -> by how much the adapter of `settings` denoises it better than the generator alone.

    The loss attack, made fair to pairs that are easy for anybody (Watson et al., "On the Importance of Difficulty
    Calibration in Membership Inference Attacks", ICLR 2022; of diffusion models Matsumoto et al., 2023): the squared
    error without the adapter less that with it, over the former, from the same noise. Raises UserError for unusable
    weights, ValueError for a pair of which it is no number.
    """

    def __init__(self, settings: WanVace, device: str = "cpu") -> None:
        self.pipeline, self.device = load_vace(settings.model_copy(update=_PLAIN), device), device
        self.predicts = self.pipeline.scheduler.config.get("prediction_type", "flow_prediction")

    def __call__(self, pair: Mapping[str, torch.Tensor]) -> float:
        try:
            self.pipeline.disable_lora()
            without = self._error(pair)
        finally:
            self.pipeline.enable_lora()
        gain = (without - self._error(pair)) / max(without, 1e-12)
        if not np.isfinite(gain):
            raise ValueError("a pair whose error is not finite")
        return gain

    @torch.no_grad()
    def _error(self, pair: Mapping[str, torch.Tensor]) -> float:
        """Mean squared error of what is generated of a pair, over all levels of noise."""
        model = self.pipeline.transformer
        x, z, text = (pair[name][None].to(self.device, model.dtype) for name in ("x", "z", "text"))
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        errors = []
        for level in _LEVELS:
            time = torch.tensor([1000 * level], device=self.device)
            noisy = (1 - level) * x + level * noise
            (made,) = model(noisy, time, text, control_hidden_states=z, return_dict=False)
            wanted = x if self.predicts == "sample" else noise - x
            errors.append((made - wanted)[:, :, 1:].float().square().mean().item())  # the reference is given
        return float(np.mean(errors))


def membership(members: Mapping[str, list[float]], strangers: Mapping[str, list[float]]) -> Figures:
    """Of sources that the adapter was trained on and of others, each with the gains of its pairs: how often a member's
    mean gain is the higher one, and the share of members above all but one in a hundred strangers.

    The interval is a percentile bootstrap that draws members and strangers anew, whole sources of either. Raises
    UserError if a source is both, or either are none.
    """
    if both := sorted(set(members) & set(strangers)):
        remedy = "Prepare --strangers from sources that the adapter was not trained on"
        raise UserError("--strangers", f"hold {len(both)} sources that are also among the members", remedy)
    ours, others = (np.array([np.mean(gains) for gains in some.values()]) for some in (members, strangers))
    if not len(ours) or not len(others):
        remedy = "Give pairs that jobs.prepare made, of both"
        raise UserError("--members, --strangers", "hold no pairs", remedy)
    return {
        "membership": apart(ours, others, _told_apart, 0.5),
        "membership, 1 % false alarms": apart(ours, others, _above, _ALARMS),
    }


def by_source(scored: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    """Gains of pairs, by the source of each."""
    found: dict[str, list[float]] = {}
    for source, gain in scored:
        found.setdefault(source, []).append(gain)
    return found


def _told_apart(ours: np.ndarray, others: np.ndarray) -> float:
    """Area under the curve: the probability that a member has more than a stranger; ties count half."""
    return float(mannwhitneyu(ours, others).statistic / (len(ours) * len(others)))


def _above(ours: np.ndarray, others: np.ndarray) -> float:
    return float(np.mean(ours > np.quantile(others, 1 - _ALARMS, method="higher")))
