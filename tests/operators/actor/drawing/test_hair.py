"""Hair that hangs."""

import numpy as np
import pytest
import torch

from operators.actor.body.body import make_body
from operators.actor.drawing.edges import FRAY, frayed
from operators.actor.drawing.garments import dress
from operators.actor.drawing.hair import MIDDLE, hanging
from operators.actor.drawing.parts import Part
from operators.actor.looks.persona import follow


@pytest.mark.parametrize("hair", ["long black hair", "shoulder-length brown hair"])
@pytest.mark.parametrize("seed", range(6))
def test_below_the_neck_hair_lies_behind_the_shoulders(hair: str, seed: int) -> None:
    """Before them it hung in two straps."""
    points = hanging(follow(f"an adult with {hair}", seed)).rest
    assert (points[points[:, 2] < 0.54, 1] > MIDDLE[1]).all()


@pytest.mark.parametrize("hair", ["long black hair", "shoulder-length brown hair"])
def test_single_hairs_end_at_lengths_of_their_own(hair: str) -> None:
    """A sheet's edge is that of a cap of rubber."""
    looks = follow(f"an adult with {hair}", 3)
    figure = dress(make_body(looks.identity.shape), looks)
    mine = figure.triangles[figure.part == Part.STRANDS]
    whole = figure.whole[figure.part == Part.STRANDS]
    assert whole.any() and figure.edge[mine[whole]].max() < -FRAY, "the crown is shut"
    tips = mine[~whole].unique()
    beyond = figure.edge[tips]
    assert beyond.max() > 0, "some may reach farther than they are cut"
    around = np.linspace(-np.pi, np.pi, 2000, dtype=np.float32)
    there = np.zeros((2000, 8), np.float32)
    there[:, 0], there[:, 1], there[:, 2] = 0.1 * np.sin(around), -0.1 * np.cos(around) - 0.03, 0.7
    ends = frayed(looks, torch.from_numpy(there)).numpy()
    assert ends.min() < -0.5 * FRAY and ends.max() > 0.5 * FRAY
    assert (np.diff(np.sign(ends)) != 0).sum() > 100, "hundreds of hairs, not a dozen locks"


def test_hair_bends_where_head_and_shoulders_part() -> None:
    """From one level to the next it never goes from one bone to another: a head that nods made a corner of that."""
    for seed in range(4):
        sheet = hanging(follow("an adult with long black hair", seed))
        skinning = sheet.skinning().reshape(-1, sheet.strands, 23)
        assert np.allclose(skinning.sum(-1), 1, atol=1e-4)
        assert np.abs(np.diff(skinning, axis=0)).sum(-1).max() < 0.35
