"""Whether a profile's actors find a place: Ray would wait for one for hours and say nothing."""

from collections.abc import Iterable, Mapping

from schemas.errors import UserError
from schemas.profile import Pools

_LEAST = 1e-6  # shares of a GPU add up in binary


def require_place(pools: Pools, nodes: Iterable[Mapping[str, float]], name: str) -> None:
    """Raise UserError if the actors of the profile called `name` do not fit onto `nodes`, each given by its resources
    as Ray names them. The largest are placed first, each where it fits closest; none spans two nodes."""
    left = [dict(node) for node in nodes]
    wanted = [
        (stage, {"CPU": pool.num_cpus, "GPU": pool.num_gpus, **pool.resources})
        for stage in type(pools).model_fields
        for pool in [getattr(pools, stage)]
        for _ in range(pool.actors)
    ]
    for stage, actor in sorted(wanted, key=lambda one: (-one[1]["GPU"], -one[1]["CPU"])):
        fitting = [node for node in left if all(node.get(k, 0) + _LEAST >= v for k, v in actor.items())]
        if not fitting:
            raise UserError(f"profile {name}: pools.{stage}", *_said(stage, actor, wanted, left))
        place = min(fitting, key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)))
        for resource, amount in actor.items():
            place[resource] = place.get(resource, 0) - amount


def _said(
    stage: str,
    actor: dict[str, float],
    wanted: list[tuple[str, dict[str, float]]],
    left: list[dict[str, float]],
) -> tuple[str, str]:
    """Problem and remedy."""
    each = ", ".join(f"{amount:g} {resource}" for resource, amount in actor.items() if amount)
    gpus = sum(one["GPU"] for _, one in wanted)
    most = ", ".join(
        f"{max((node.get(name, 0) for node in left), default=0):g} {name}"
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
