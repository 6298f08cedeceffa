"""Whether a profile's actors find a place: Ray would wait for one for hours and say nothing."""

from collections.abc import Iterable, Mapping

from schemas.errors import UserError
from schemas.profile import Pools

_LEAST = 1e-6  # shares of a GPU add up in binary


class _Node:
    """What is left of a node. A share of a GPU is of one card: what is left of two does not make up for it."""

    def __init__(self, resources: Mapping[str, float]) -> None:
        self.left = dict(resources)
        self.cards = [1.0] * int(resources.get("GPU", 0))

    def fits(self, actor: Mapping[str, float]) -> bool:
        enough = all(self.left.get(name, 0) + _LEAST >= amount for name, amount in actor.items())
        return enough and bool(not actor["GPU"] or self._cards_for(actor["GPU"]))

    def take(self, actor: Mapping[str, float]) -> None:
        for name, amount in actor.items():
            self.left[name] = self.left.get(name, 0) - amount
        for card in self._cards_for(actor["GPU"]):
            self.cards[card] -= min(1.0, actor["GPU"])

    def _cards_for(self, amount: float) -> list[int]:
        """Which cards: the fullest that has so much left, or as many whole ones; none if there are not."""
        share, count = min(1.0, amount), max(1, round(amount))
        fitting = [card for card, left in enumerate(self.cards) if left + _LEAST >= share]
        chosen = sorted(fitting, key=lambda card: self.cards[card])[:count]
        return chosen if amount and len(chosen) == count else []


def require_place(pools: Pools, nodes: Iterable[Mapping[str, float]], name: str) -> None:
    """Raise UserError if the actors of the profile called `name` do not fit onto `nodes`, each given by its resources
    as Ray names them. The largest are placed first, each where it fits closest; none spans two nodes, and no share of
    a GPU two cards."""
    left = [_Node(node) for node in nodes]
    wanted = [
        (stage, {"CPU": pool.num_cpus, "GPU": pool.num_gpus, **pool.resources})
        for stage in type(pools).model_fields
        for pool in [getattr(pools, stage)]
        for _ in range(pool.actors)
    ]
    for stage, actor in sorted(wanted, key=lambda one: (-one[1]["GPU"], -one[1]["CPU"])):
        fitting = [node for node in left if node.fits(actor)]
        if not fitting:
            raise UserError(f"profile {name}: pools.{stage}", *_said(stage, actor, wanted, left))
        min(fitting, key=lambda node: (node.left.get("GPU", 0), node.left.get("CPU", 0))).take(actor)


def _said(
    stage: str, actor: dict[str, float], wanted: list[tuple[str, dict[str, float]]], left: list[_Node]
) -> tuple[str, str]:
    """Problem and remedy."""
    each = ", ".join(f"{amount:g} {resource}" for resource, amount in actor.items() if amount)
    gpus = sum(one["GPU"] for _, one in wanted)
    most = ", ".join(
        f"{max((_most(node, name, amount) for node in left), default=0):g} {name}"
        for name, amount in actor.items()
        if amount
    )
    problem = (
        f"an actor wants {each}, and no node has that left (at most {most}); all actors want {gpus:g} GPU"
    )
    remedy = (
        f"Lower pools.{stage}.actors or num_gpus (cluster/profiles/single-gpu.yaml shares one card), or add nodes; "
        "if the cluster adds them itself, set RECAST_GROWING_CLUSTER=1"
    )
    return problem, remedy


def _most(node: _Node, name: str, amount: float) -> float:
    """What a node has left of a resource for one actor: of GPUs on one card, where a share of one is asked for."""
    if name == "GPU" and amount < 1:
        return round(max(node.cards, default=0.0), 6)
    return round(node.left.get(name, 0), 6)
