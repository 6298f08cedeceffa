"""How trousers fall: from thigh and calf straight down, not along the leg."""

import torch
from torch.nn import functional

_TOP = -0.17  # z below which cloth hangs
_SLICE = 0.02  # m of a leg whose middle is taken
_FACING = 0.94  # cosine of directions from there that count as one
# Metres of radius that a leg narrows by a metre of length: thighs of 10 cm and hems of 4 to 8 cm, tight to wide.
_TIGHT, _WIDE, _LOOSEST = 0.11, 0.05, 0.028


def fall(points: torch.Tensor, attributes: torch.Tensor, shell: torch.Tensor, loose: float) -> torch.Tensor:
    """[V] metres that cloth lies off legs [V,3] because something above holds it out; 0 where nothing does.

    `shell` [F,3] are the triangles of cloth, `loose` metres as Outfit.bottom_loose.
    """
    narrows = _TIGHT + (_WIDE - _TIGHT) * min(1.0, loose / _LOOSEST)
    off = torch.zeros(len(points))
    used = shell.unique()
    leg = used[(attributes[used, 2] < _TOP) & (attributes[used, 4] < 0.1)]
    for side in (leg[attributes[leg, 0] > 0], leg[attributes[leg, 0] < 0]):
        level = points[side, 2]
        below = level[None] - level[:, None]  # [n,n] metres from each up to each other
        near = torch.exp(-((below / _SLICE) ** 2))
        away = points[side, :2] - near @ points[side, :2] / near.sum(1, keepdim=True)
        radius, way = away.norm(dim=1), functional.normalize(away, dim=1)
        holds = (way @ way.T > _FACING) & (below >= 0)
        off[side] = torch.where(holds, radius - narrows * below, 0).amax(1) - radius
    return off
