"""The drawings of an evaluation's page, as points in them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.evaluation import CONTROL, RECAST

AXES = ("privacy", "quality", "utility")


def _place(axis: int, share: float) -> tuple[float, float]:
    """Of a share of an axis, in a drawing of 320 x 280 whose middle is the origin of all three."""
    angle = math.radians(-90 + 120 * axis)
    return round(160 + 120 * share * math.cos(angle), 1), round(155 + 120 * share * math.sin(angle), 1)


def corners() -> list[tuple[float, float]]:
    """Of the triangle, one an axis."""
    return [_place(i, 1.0) for i in range(len(AXES))]


def triangles(methods: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A triangle for each method of which all axes are known."""
    for number, (name, method) in enumerate(methods.items()):
        values = [method["axes"][axis] for axis in AXES]
        if None not in values:
            points = " ".join(f"{x},{y}" for x, y in (_place(i, value) for i, value in enumerate(values)))
            yield {"name": name, "points": points, "values": values, "number": number}


def curves(methods: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """R-1 against the gallery's size on a logarithmic axis, 320 x 200: `points`, and the `band` of their intervals."""
    largest = max((size for one in methods.values() for size in one["curves"].get("sizes", [])), default=2)

    def at(size: int, value: float) -> str:
        across = 260 * math.log(size / 2) / max(math.log(largest / 2), 1e-9)
        return f"{40 + across:.1f},{170 - 150 * value:.1f}"

    for number, (name, method) in enumerate(methods.items()):
        sizes, rank1 = (method["curves"].get(part, []) for part in ("sizes", "rank1"))
        between = method["curves"].get("between", [])
        if sizes:
            ends = [(size, pair) for size, pair in zip(sizes, between, strict=False) if pair]
            band = [at(size, pair[0]) for size, pair in ends] + [
                at(size, pair[1]) for size, pair in ends[::-1]
            ]
            points = " ".join(map(at, sizes, rank1))
            yield {
                "name": name,
                "number": number,
                "points": points,
                "band": " ".join(band),
                "largest": largest,
            }


def spreads(methods: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Of bodies and faces the cosines of who is shown to who was there and to strangers, and those of the control to
    who was there; as shares of all, 320 x 200, from -1 to 1."""
    own, control = (methods.get(name, {"curves": {}})["curves"] for name in (RECAST, CONTROL))
    for part in ("body", "face"):
        drawn = {
            "to who was there": ("line c0", own.get(part, {}).get("genuine", [])),
            "to strangers": ("line strangers", own.get(part, {}).get("impostor", [])),
            f"{CONTROL}: to who was there": ("line c5 control", control.get(part, {}).get("genuine", [])),
        }
        known = {name: (look, counts) for name, (look, counts) in drawn.items() if sum(counts)}
        if "to who was there" in known:
            top = max(max(counts) / sum(counts) for _, counts in known.values())
            lines = [
                {"name": name, "look": look, "points": _steps([one / sum(counts) / top for one in counts])}
                for name, (look, counts) in known.items()
            ]
            yield {"part": part, "embedder": own[part].get("embedder", ""), "lines": lines}


def _steps(shares: Sequence[float]) -> str:
    wide = 260 / len(shares)
    return " ".join(
        f"{40 + (i + side) * wide:.1f},{170 - 150 * share:.1f}"
        for i, share in enumerate(shares)
        for side in (0, 1)
    )


def heights(methods: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bars of exposure by height for each method, 0 to 1."""
    names = ("under 48 px", "48-96 px", "over 96 px")
    found = []
    for name in names:
        cells = {method: one["figures"].get(f"exposed, {name}") for method, one in methods.items()}
        known = {method: cell for method, cell in cells.items() if cell and cell["value"] is not None}
        if known:
            found.append({"name": name, "methods": known})
    return found
