"""The miss audit on the first second of three held-out clips: what the masks miss, and what gate 1 leaves of it."""

from pathlib import Path

import pytest

from benchmarks.misses import Sight, audit, by_clips, row
from operators.condition import Condition
from operators.release.spot_check import upper_bound
from operators.training.synthetic_people import read_people
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile


@pytest.fixture(scope="module")
def sights() -> list[Sight]:
    profile = load(Profile, "cluster/profiles/embedded.yaml")
    policy = load(Policy, "cluster/policies/driving.yaml")
    clips = [clip.window(0, 12) for clip in read_people(Path("tests/data"), "street-val.tar")]
    return list(audit(Condition(profile, policy, b"key"), policy, clips))


def test_of_people_above_48_px_hardly_anybody_is_exposed(sights: list[Sight]) -> None:
    """docs/measured.md has 1 of 773 in what is released of all eleven clips; these three are among them."""
    tall = [sight for sight in sights if sight.height >= 48 and sight.released]
    assert len(tall) > 75
    assert sum(sight.exposed for sight in tall) <= 2


def test_gate_1_leaves_fewer_than_the_masks_miss(sights: list[Sight]) -> None:
    missed = sum(sight.missed for sight in sights)
    left = sum(sight.exposed for sight in sights if sight.released)
    assert left < missed or missed == left == 0


def test_bounds() -> None:
    """Clopper and Pearson's for no hit in n is 1 - 0.05^(1/n); whole clips say less than their frames."""
    assert upper_bound(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert upper_bound(5, 5) == 1
    clips = [Sight(str(number // 20), 100, False, number < 10, True) for number in range(200)]
    assert upper_bound(10, 200) < by_clips(clips) <= 10 / 20
    assert by_clips([]) == 1
    assert row("all", clips).startswith("| all | 200 | 0 |")
