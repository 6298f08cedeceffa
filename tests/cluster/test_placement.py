"""A pool that finds no place is refused by name, with the remedy; whatever fits is not."""

import pytest

from cluster.placement import require_place
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile

ONE_CARD = {"CPU": 16.0, "GPU": 1.0, "memory": 1e11}


def profile(name: str, *changes: str) -> Profile:
    return load(Profile, f"cluster/profiles/{name}.yaml", list(changes))


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("single-gpu", [ONE_CARD]),
        ("commercial", [ONE_CARD, ONE_CARD]),
        ("commercial", [{"CPU": 16, "GPU": 2}]),
        ("embedded", [{"CPU": 3.0}]),
        ("paper", [{"CPU": 64.0, "GPU": 2.0}]),
    ],
)
def test_what_fits_is_not_refused(name: str, nodes: list[dict[str, float]]) -> None:
    require_place(profile(name), nodes)


@pytest.mark.parametrize(
    ("name", "changes", "nodes", "stage"),
    [
        ("commercial", [], [ONE_CARD], "condition"),
        ("paper", [], [{"CPU": 64.0}], "regenerate"),
        ("single-gpu", ["pools.regenerate.num_gpus=0.6"], [ONE_CARD], "audit"),
        ("single-gpu", [], [{"CPU": 4.0, "GPU": 1.0}], "condition"),
        ("commercial", ["pools.audit.resources={audit: 1}"], [{"CPU": 16, "GPU": 2}], "audit"),
        ("embedded", ["pools.condition.num_cpus=3"], [{"CPU": 2.0}, {"CPU": 2.0}], "condition"),
        ("paper", ["pools.audit.num_gpus=0.3"], [{"CPU": 64.0, "GPU": 2.0}], "audit"),
    ],
)
def test_what_finds_no_place_is_refused_by_its_name(
    name: str, changes: list[str], nodes: list[dict[str, float]], stage: str
) -> None:
    with pytest.raises(UserError, match=rf"pools\.{stage}: an actor wants .*single-gpu\.yaml"):
        require_place(profile(name, *changes), nodes)


@pytest.mark.parametrize(
    ("shares", "cards", "fits"),
    [
        ((0.6, 0.6, 0.6), 2, False),  # 1.8 of 2, and none of either card's 0.4
        ((0.6, 0.6, 0.4), 2, True),
        ((0.7, 0.7, 0.5), 2, False),
        ((0.4, 0.5, 0.1), 1, True),
        ((0.5, 2, 0.5), 3, True),
        ((0.5, 2, 0.6), 3, False),
        ((0.6, 2, 0.6), 4, True),
        ((0.6, 3, 0.6), 4, False),
    ],
)
def test_a_share_of_a_gpu_is_of_one_card(shares: tuple[float, ...], cards: int, fits: bool) -> None:
    """Ray counts what is left of a node's cards together, sends the actor there, and then has it wait for ever."""
    changes = [
        f"pools.{stage}.num_gpus={share}"
        for stage, share in zip(("condition", "regenerate", "audit"), shares, strict=True)
    ]
    mine = profile("single-gpu", *changes)
    if fits:
        require_place(mine, [{"CPU": 64.0, "GPU": float(cards)}])
    else:
        with pytest.raises(UserError, match=r"pools\.\w+: an actor wants .* GPU, .*no node has that left"):
            require_place(mine, [{"CPU": 64.0, "GPU": float(cards)}])


def test_one_card_and_a_part_of_another_are_no_actors() -> None:
    with pytest.raises(UserError, match="whole cards"):
        profile("single-gpu", "pools.regenerate.num_gpus=1.5")


@pytest.mark.parametrize(
    ("changes", "nodes", "lacking"),
    [
        ([], [{"CPU": 2.0}], "1 CPU"),  # 1.75 are the actors'
        ([], [{"CPU": 1.8}, {"CPU": 0.9}], "1 CPU"),
        (["writers={sink: 0.001}"], [{"CPU": 16.0}], "1 CPU, 0.001 sink"),
        (["writers={sink: 0.001}"], [{"CPU": 16.0}, {"CPU": 0.5, "sink": 1.0}], "1 CPU, 0.001 sink"),
    ],
)
def test_actors_that_leave_no_room_for_what_reads_the_plan_are_refused(
    changes: list[str], nodes: list[dict[str, float]], lacking: str
) -> None:
    """Ray starts the actors, and then waits for ever for a CPU to read with."""
    embedded = profile("embedded", *changes)
    with pytest.raises(UserError, match=f"embedded: its actors leave no node {lacking} for what reads"):
        require_place(embedded, nodes)
    require_place(embedded, [*nodes, {"CPU": 1.0, "sink": 1.0}])
