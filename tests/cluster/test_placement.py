"""A pool that finds no place is refused by name, with the remedy; whatever fits is not."""

import pytest

from cluster.placement import require_place
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Pools, Profile

ONE_CARD = {"CPU": 16.0, "GPU": 1.0, "memory": 1e11}


def pools(name: str, *changes: str) -> Pools:
    return load(Profile, f"cluster/profiles/{name}.yaml", list(changes)).pools


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("single-gpu", [ONE_CARD]),
        ("commercial", [ONE_CARD, ONE_CARD]),
        ("commercial", [{"CPU": 16, "GPU": 2}]),
        ("embedded", [{"CPU": 2.0}]),
    ],
)
def test_what_fits_is_not_refused(name: str, nodes: list[dict[str, float]]) -> None:
    require_place(pools(name), nodes, name)


@pytest.mark.parametrize(
    ("name", "changes", "nodes", "stage"),
    [
        ("commercial", [], [ONE_CARD], "condition"),
        ("paper", [], [{"CPU": 64.0}], "regenerate"),
        ("single-gpu", ["pools.regenerate.num_gpus=0.6"], [ONE_CARD], "audit"),
        ("single-gpu", [], [{"CPU": 4.0, "GPU": 1.0}], "condition"),
        ("commercial", ["pools.audit.resources={audit: 1}"], [{"CPU": 16, "GPU": 2}], "audit"),
        ("embedded", ["pools.condition.num_cpus=3"], [{"CPU": 2.0}, {"CPU": 2.0}], "condition"),
    ],
)
def test_what_finds_no_place_is_refused_by_its_name(
    name: str, changes: list[str], nodes: list[dict[str, float]], stage: str
) -> None:
    with pytest.raises(UserError, match=rf"pools\.{stage}: an actor wants .*single-gpu\.yaml"):
        require_place(pools(name, *changes), nodes, name)
