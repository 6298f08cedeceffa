"""People on the graphics card: one mesh, drawn as a part of the body, a garment or hair at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from operators.actor.drawing.parts import Part, bare_skin, surfaces, worn
from operators.actor.looks.looks import Looks, Outfit
from operators.training.render.shading import set_uniforms, source, uniforms
from operators.training.render.template import MeshTemplate

_KEPT_OUTFITS = 64


@dataclass(frozen=True)
class PosedFigure:
    """Somebody at one moment: vertices and normals float32 [V,3] in the world; `number` is theirs in the masks."""

    vertices: np.ndarray
    normals: np.ndarray
    looks: Looks
    number: int


class Figures:
    """Draws people into whatever framebuffer is bound."""

    def __init__(self, context: Any, depth_program: Any, template: MeshTemplate) -> None:
        self.context, self.template = context, template
        self.programs = {
            part: context.program(
                vertex_shader=source("person.vert.glsl", part=part),
                fragment_shader=source("person.frag.glsl", part=part),
            )
            for part in Part
        }
        names = ("rest", "arm_along", "arm_weight", "head_weight", "lips", "eyelids")
        self.fixed = context.buffer(template.attributes.tobytes()), "3f 1f 1f 1f 1f 1f", *names
        self.moving = context.buffer(reserve=len(template.rest) * 24)
        whole = surfaces(template.faces, template.attributes)
        self.arrays = {part: self._array(part, triangles) for part, triangles in whole.items()}
        layout = [(self.moving, "3f 12x", "position")]
        self.shadows = {
            part: context.vertex_array(depth_program, layout, self._indices(triangles))
            for part, triangles in (whole | {Part.SKIN: _never_covered(template)}).items()
        }
        self.skin = lru_cache(_KEPT_OUTFITS)(self._skin)

    def draw(self, figure: PosedFigure, scene: Mapping[str, Any]) -> None:
        """Every part of somebody; `scene` are the uniforms of camera and light."""
        looks = figure.looks
        values = dict(uniforms("identity", looks.identity)) | dict(uniforms("outfit", looks.outfit))
        self._load(figure)
        for part in worn(looks):
            set_uniforms(self.programs[part], {**scene, **values, "person": float(figure.number)})
            (self.skin(looks.outfit) if part is Part.SKIN else self.arrays[part]).render()

    def draw_shadow(self, figure: PosedFigure) -> None:
        """Depth of what casts a shadow; clothes stand for the body in them."""
        self._load(figure)
        for part in (Part.TOP, Part.TROUSERS, Part.SHOES, Part.SKIN):
            self.shadows[part].render()
        if figure.looks.outfit.skirt:
            self.shadows[Part.SKIRT].render()

    def _load(self, figure: PosedFigure) -> None:
        self.moving.write(np.concatenate([figure.vertices, figure.normals], 1).astype("f4").tobytes())

    def _skin(self, outfit: Outfit) -> Any:
        triangles = bare_skin(self.template.body, outfit, torch.from_numpy(self.template.attributes))
        return self._array(Part.SKIN, triangles)

    def _array(self, part: Part, triangles: np.ndarray) -> Any:
        layout = [self.fixed, (self.moving, "3f 3f", "position", "normal")]
        # Not every part uses every attribute.
        return self.context.vertex_array(
            self.programs[part], layout, self._indices(triangles), skip_errors=True
        )

    def _indices(self, triangles: np.ndarray) -> Any:
        return self.context.buffer(np.ascontiguousarray(triangles, "i4").tobytes())


def _never_covered(template: MeshTemplate) -> np.ndarray:
    """Triangles int32 [N,3] of hands and head."""
    body = template.body
    return body[(template.arm_along[body].mean(1) > 1.75) | (template.head_weight[body].mean(1) > 0.5)]
