"""Hair that hangs."""

import pytest

from operators.actor.drawing.hair import MIDDLE, hanging
from operators.actor.looks.persona import follow


@pytest.mark.parametrize("hair", ["long black hair", "shoulder-length brown hair"])
@pytest.mark.parametrize("seed", range(6))
def test_below_the_neck_hair_lies_behind_the_shoulders(hair: str, seed: int) -> None:
    """Before them it hung in two straps."""
    points = hanging(follow(f"an adult with {hair}", seed)).rest
    assert (points[points[:, 2] < 0.54, 1] > MIDDLE[1]).all()
