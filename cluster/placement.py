"""Whether a profile's actors find a place: Ray would wait for one for hours and say nothing."""

from collections.abc import Iterable, Mapping, Sequence

from schemas.errors import UserError
from schemas.profile import Profile

_LEAST = 1e-6  # shares of a GPU add up in binary
_READING = "reading"
_SMALL_TASK = 1.0  # CPUs that Ray gives to each task which reads the plan or cuts it into shards
_Wanted = tuple[str, dict[str, float]]  # a stage, and what an actor of it wants
_GROWING = "if the cluster adds them itself, set RECAST_GROWING_CLUSTER=1"


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


def require_place(profile: Profile, nodes: Iterable[Mapping[str, float]]) -> None:
    """Raise UserError if the profile's actors do not fit onto `nodes`, each given by its resources as Ray names them,
    or leave no room for what reads the plan, for which they would wait. The largest are placed first, each where it
    fits closest; none spans two nodes, and no share of a GPU two cards."""
    nodes, reading = list(nodes), (_READING, {"CPU": _SMALL_TASK, "GPU": 0.0, **profile.writers})
    pools = {stage: getattr(profile.pools, stage) for stage in type(profile.pools).model_fields}
    actors = [
        (stage, {"CPU": pool.num_cpus, "GPU": pool.num_gpus, **pool.resources})
        for stage, pool in pools.items()
        for _ in range(pool.actors)
    ]
    actors.sort(key=lambda one: (-one[1]["GPU"], -one[1]["CPU"]))
    if _homeless([reading, *actors], nodes) and (found := _homeless([*actors, reading], nodes)):
        (stage, wanted), left = found
        field, said = (f": pools.{stage}", _said(stage, wanted, actors, left))
        if stage == _READING:
            problem = (
                f"its actors leave no node {_amounts(wanted)} for what reads the plan, and wait for that"
            )
            remedy = (
                f"Lower num_cpus or actors of pools, name writers that a node has, or add nodes; {_GROWING}"
            )
            field, said = "", (problem, remedy)
        raise UserError(f"profile {profile.name}{field}", *said)


def _homeless(
    wanted: Sequence[_Wanted], nodes: Iterable[Mapping[str, float]]
) -> tuple[_Wanted, list[_Node]] | None:
    """The first that finds no place after those before it, and what the nodes then have left."""
    left = [_Node(node) for node in nodes]
    for one in wanted:
        fitting = [node for node in left if node.fits(one[1])]
        if not fitting:
            return one, left
        min(fitting, key=lambda node: (node.left.get("GPU", 0), node.left.get("CPU", 0))).take(one[1])
    return None


def _said(
    stage: str, actor: dict[str, float], actors: Sequence[_Wanted], left: list[_Node]
) -> tuple[str, str]:
    """Problem and remedy."""
    gpus = sum(one["GPU"] for _, one in actors)
    most = ", ".join(
        f"{max((_most(node, name, amount) for node in left), default=0):g} {name}"
        for name, amount in actor.items()
        if amount
    )
    problem = (
        f"an actor wants {_amounts(actor)}, and no node has that left (at most {most}); "
        f"all actors want {gpus:g} GPU"
    )
    remedy = (
        f"Lower pools.{stage}.actors or num_gpus (cluster/profiles/single-gpu.yaml shares one card), or add nodes; "
        f"{_GROWING}"
    )
    return problem, remedy


def _amounts(wanted: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {resource}" for resource, amount in wanted.items() if amount)


def _most(node: _Node, name: str, amount: float) -> float:
    """What a node has left of a resource for one actor: of GPUs on one card, where a share of one is asked for."""
    if name == "GPU" and amount < 1:
        return round(max(node.cards, default=0.0), 6)
    return round(node.left.get(name, 0), 6)
