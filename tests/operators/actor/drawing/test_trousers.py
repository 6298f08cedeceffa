"""Trousers that fall from thigh and calf."""

import pytest
import torch

from operators.actor.body.body import template
from operators.actor.drawing.trousers import fall

SHELL = torch.from_numpy(template().faces["tights"])
REST = torch.from_numpy(template().attributes)
POINTS = REST[:, :3].clone()
LEG = SHELL.unique()[(REST[SHELL.unique(), 2] < -0.2) & (REST[SHELL.unique(), 4] < 0.1)]


def around(low: float, loose: float) -> float:
    """Metres of radius that cloth has on average about the left leg in the 4 cm above `low`."""
    level = LEG[(POINTS[LEG, 2] > low) & (POINTS[LEG, 2] < low + 0.04) & (POINTS[LEG, 0] > 0)]
    bare = (POINTS[level, :2] - POINTS[level, :2].mean(0)).norm(dim=1)
    return float((bare + fall(POINTS, REST, SHELL, loose)[level]).mean())


def test_they_never_lie_inside_a_leg_and_leave_all_else_as_it_is() -> None:
    off = fall(POINTS, REST, SHELL, 0.006)
    assert (off >= 0).all() and (off[REST[:, 2] > -0.1] == 0).all()


@pytest.mark.parametrize("loose", [0.0, 0.006, 0.016, 0.028])
def test_an_ankle_is_not_to_be_told_through_them(loose: float) -> None:
    """A leg narrows from the calf to the ankle by half; tights do the same."""
    calf, ankle = around(-0.55, loose), around(-0.76, loose)
    assert 0.7 < ankle / calf < 1.05


def test_the_looser_the_wider() -> None:
    widths = [around(-0.76, loose) for loose in (0.0, 0.006, 0.016, 0.028)]
    assert widths == sorted(widths) and widths[-1] > 1.2 * widths[0]
