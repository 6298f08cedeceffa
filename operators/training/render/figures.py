"""People on the graphics card: one mesh, drawn as a part of the body, a garment or hair at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from operators.actor.garments import Part
from operators.actor.looks import LONG, SHAVED, SHOULDER, Looks, Outfit
from operators.training.render.coverage import bare_skin
from operators.training.render.shading import set_uniforms, source, uniforms
from operators.training.render.template import Template

_KEPT_OUTFITS = 64


@dataclass(frozen=True)
class Figure:
    """Somebody at one moment: vertices and normals float32 [V,3] in the world; `number` is theirs in the masks."""

    vertices: np.ndarray
    normals: np.ndarray
    looks: Looks
    number: int


class Figures:
    """Draws people into whatever framebuffer is bound."""

    def __init__(self, context: Any, depth_program: Any, template: Template) -> None:
        self.context, self.template = context, template
        self.programs = {
            part: context.program(
                vertex_shader=source("person.vert.glsl", part=part),
                fragment_shader=source("person.frag.glsl", part=part),
            )
            for part in Part
        }
        names = ("rest", "arm_along", "arm_weight", "head_weight", "lips", "eyelids")
        fixed = np.column_stack([getattr(template, name) for name in names]).astype("f4")
        self.fixed = context.buffer(fixed.tobytes()), "3f 1f 1f 1f 1f 1f", *names
        self.moving = context.buffer(reserve=len(template.rest) * 24)
        surfaces = _surfaces(template)
        self.arrays = {part: self._array(part, surfaces[part]) for part in Part if part in surfaces}
        layout = [(self.moving, "3f 12x", "position")]
        self.shadows = {
            part: context.vertex_array(depth_program, layout, self._indices(triangles))
            for part, triangles in surfaces.items()
        }
        self.skin = lru_cache(_KEPT_OUTFITS)(self._skin)

    def draw(self, figure: Figure, scene: Mapping[str, Any]) -> None:
        """Every part of somebody; `scene` are the uniforms of camera and light."""
        looks = figure.looks
        values = dict(uniforms("identity", looks.identity)) | dict(uniforms("outfit", looks.outfit))
        self._load(figure)
        for part in _parts(looks):
            set_uniforms(self.programs[part], {**scene, **values, "person": float(figure.number)})
            (self.skin(looks.outfit) if part is Part.SKIN else self.arrays[part]).render()

    def draw_shadow(self, figure: Figure) -> None:
        """Depth of what casts a shadow; clothes stand for the body in them."""
        self._load(figure)
        for part in (Part.TOP, Part.TROUSERS, Part.SHOES, Part.SKIN):
            self.shadows[part].render()
        if figure.looks.outfit.skirt:
            self.shadows[Part.SKIRT].render()

    def _load(self, figure: Figure) -> None:
        self.moving.write(np.concatenate([figure.vertices, figure.normals], 1).astype("f4").tobytes())

    def _skin(self, outfit: Outfit) -> Any:
        return self._array(Part.SKIN, bare_skin(self.template, outfit))

    def _array(self, part: Part, triangles: np.ndarray) -> Any:
        layout = [self.fixed, (self.moving, "3f 3f", "position", "normal")]
        # Not every part uses every attribute.
        return self.context.vertex_array(
            self.programs[part], layout, self._indices(triangles), skip_errors=True
        )

    def _indices(self, triangles: np.ndarray) -> Any:
        return self.context.buffer(np.ascontiguousarray(triangles, "i4").tobytes())


def _parts(looks: Looks) -> list[Part]:
    """What somebody is drawn of, in order."""
    outfit, style = looks.outfit, looks.identity.hair_style
    return [
        *[Part.SKIN, Part.EYES, Part.TOP],
        *([Part.JACKET] if outfit.jacket else []),
        Part.SKIRT if outfit.skirt else Part.TROUSERS,
        Part.SHOES,
        *([Part.SCALP] if style != SHAVED else []),
        *([Part.STRANDS] if style in (SHOULDER, LONG) else []),
    ]


def _surfaces(template: Template) -> dict[Part, np.ndarray]:
    """Triangles int32 [N,3] of every part before clothes are cut; of the skin, only what clothes never cover."""
    body, shell = template.body, template.tights
    z, arm = template.rest[shell].mean(1)[:, 2], template.arm_weight[shell].mean(1)
    head, height = template.head_weight[body], template.rest[body].mean(1)[:, 2]
    top = shell[(z > -0.12) | (arm > 0.3)]
    hands_and_head = (template.arm_along[body].mean(1) > 1.75) | (head.mean(1) > 0.5)
    return {
        Part.SKIN: body[hands_and_head],
        Part.EYES: template.eyes,
        Part.TOP: top,
        Part.TROUSERS: shell[(z < 0.2) & (arm < 0.6)],
        Part.SHOES: shell[(z < -0.5) & (arm < 0.3)],
        Part.SKIRT: template.skirt,
        Part.SCALP: body[(head.min(1) > 0.3) & (height > 0.55)],
        Part.JACKET: top,
        Part.STRANDS: template.hair,
    }
