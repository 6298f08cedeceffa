"""OpenGL without a window: people and scenery to a picture, who is at each pixel, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from operators.training.render.camera import SceneCamera, orthographic, view
from operators.training.render.figures import Figures, PosedFigure
from operators.training.render.packages import need
from operators.training.render.scenery.light import SceneLight
from operators.training.render.scenery.solids import Material
from operators.training.render.shading import set_uniforms, source, uniforms
from operators.training.render.template import SKIN_VERTICES, MeshTemplate
from schemas.errors import UserError

_SHADOW_TEXELS = 1024
_SUN_DISTANCE = 20.0  # metres from the people to where their shadows are looked at from
_FEET = 8  # contact shadows, of the first four people
_NO_FOOT = (0.0, 0.0, -10.0)


@dataclass(frozen=True)
class Picture:
    """rgb uint8 [H,W,3]; people uint8 [H,W], 0 or a figure's number; depth float32 [H,W] in metres, 0 is the sky."""

    rgb: np.ndarray
    people: np.ndarray
    depth: np.ndarray


class Renderer:
    """Draws people in one scenery at a time. Raises UserError if moderngl is missing or no OpenGL is found.

    Pictures are averaged over `samples` x `samples` points a pixel; labels are of the one in the middle.
    """

    def __init__(self, template: MeshTemplate, samples: int = 2) -> None:
        moderngl = need("moderngl")
        try:
            self.context = context = moderngl.create_context(standalone=True, backend="egl")
        except Exception as error:  # whatever the driver or its absence raises
            remedy = "Install it: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri"
            raise UserError("OpenGL", f"no EGL context ({error})", remedy) from error
        context.gc_mode = "auto"
        context.enable_only(moderngl.DEPTH_TEST)
        self.template, self.samples = template, samples
        self.depth_program = self._program("depth.vert.glsl", "depth.frag.glsl")
        self.figures = Figures(context, self.depth_program, template)
        self.sky_program = self._program("sky.vert.glsl", "sky.frag.glsl")
        corners = context.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self.sky = context.vertex_array(self.sky_program, [(corners, "2f", "corner")])
        values = np.random.default_rng(5).random((32, 32, 32))
        self.noise = context.texture3d((32, 32, 32), 1, (values * 255).astype("u1").tobytes())
        self.noise.filter = moderngl.LINEAR, moderngl.LINEAR
        self.shadow_map = context.depth_texture((_SHADOW_TEXELS, _SHADOW_TEXELS))
        self.shadow_map.compare_func = ""
        self.shadow_map.filter = moderngl.NEAREST, moderngl.NEAREST
        self.shadow_buffer = context.framebuffer(depth_attachment=self.shadow_map)
        self.place_programs: dict[Material, Any] = {}
        self.place: list[tuple[Any, Any, Any]] = []  # program, array, array of depth alone
        self.buffers: dict[tuple[int, int], Any] = {}

    def set_scenery(self, triangles: np.ndarray) -> None:
        """What is around the people from now on: rows of scenery/solids.py."""
        self.place = []
        layout = "position", "normal", "local", "first", "second"
        for material in (Material(int(number)) for number in np.unique(triangles[:, 15])):
            if material not in self.place_programs:
                self.place_programs[material] = self._program(
                    "place.vert.glsl", "place.frag.glsl", material=material
                )
            program = self.place_programs[material]
            rows = self.context.buffer(triangles[triangles[:, 15] == material].astype("f4").tobytes())
            full = [(rows, "3f 3f 3f 3f 3f 4x 1f", *layout, "scale")]
            array = self.context.vertex_array(program, full, skip_errors=True)
            depth = self.context.vertex_array(self.depth_program, [(rows, "3f 56x", "position")])
            self.place.append((program, array, depth))

    def draw(
        self, figures: Sequence[PosedFigure], camera: SceneCamera, light: SceneLight, width: int, height: int
    ) -> Picture:
        """One frame."""
        light = replace(light, sun=light.sun / np.linalg.norm(light.sun))
        to_shadow = self._shadows(figures, light.sun)
        scene = {
            "to_clip": camera.matrix,
            "from_clip": np.linalg.inv(camera.matrix),
            "eye": camera.eye,
            "forward": camera.forward,
            "to_shadow": to_shadow,
            "shadow_map": 0,
            "noise_texture": 1,
            "feet": self._feet(figures),
            **dict(uniforms("light", light)),
        }
        self.shadow_map.use(0)
        self.noise.use(1)
        buffer = self._buffer(width * self.samples, height * self.samples)
        buffer.use()
        buffer.clear(depth=1.0)
        set_uniforms(self.depth_program, scene)
        for _, _, depth in self.place:
            depth.render()
        for figure in figures:
            self.figures.draw(figure, scene)
        self.context.depth_func = "<="
        for program, array, _ in self.place:
            set_uniforms(program, scene)
            array.render()
        self.context.depth_func = "<"
        set_uniforms(self.sky_program, scene)
        self.sky.render()
        return self._read(buffer, width, height)

    def _program(self, vertex: str, fragment: str, **chosen: Material) -> Any:
        return self.context.program(
            vertex_shader=source(vertex, **chosen), fragment_shader=source(fragment, **chosen)
        )

    def _buffer(self, width: int, height: int) -> Any:
        """Framebuffer of colour and labels (distance, person), kept by size."""
        if (width, height) not in self.buffers:
            colour = self.context.texture((width, height), 4)
            label = self.context.texture((width, height), 2, dtype="f4")
            depth = self.context.depth_renderbuffer((width, height))
            self.buffers[width, height] = self.context.framebuffer([colour, label], depth)
        return self.buffers[width, height]

    def _shadows(self, figures: Sequence[PosedFigure], sun: np.ndarray) -> np.ndarray:
        """Draw the shadow map; float64 [4,4] from the world to it."""
        skins = [figure.vertices[:SKIN_VERTICES] for figure in figures]
        centre = np.mean([skin.mean(0) for skin in skins], 0) if skins else np.zeros(3)
        reaches = [np.linalg.norm(skin[::50] - centre, axis=1).max() for skin in skins]
        radius = max([*reaches, 1.2]) * 1.15
        near, far = _SUN_DISTANCE - radius * 1.5 - 1, _SUN_DISTANCE + radius * 6
        to_sun = view(centre + sun * _SUN_DISTANCE, centre, up=(0, 1, 0.01))
        matrix = orthographic(radius, near, far) @ to_sun
        self.shadow_buffer.use()
        self.shadow_buffer.clear(depth=1.0)
        set_uniforms(self.depth_program, {"to_clip": matrix})
        for figure in figures:
            self.figures.draw_shadow(figure)
        return matrix

    def _feet(self, figures: Sequence[PosedFigure]) -> list[tuple[float, ...]]:
        """Where feet touch the ground, or hover above it."""
        places = []
        for figure in figures[: _FEET // 2]:
            for foot in self.template.feet:
                sole = figure.vertices[foot]
                places.append(tuple(sole.mean(0) * [1, 1, 0] + [0, 0, max(0, sole[:, 2].min())]))
        return places + [_NO_FOOT] * (_FEET - len(places))

    def _read(self, buffer: Any, width: int, height: int) -> Picture:
        colour, label = buffer.color_attachments
        k, (w, h) = self.samples, buffer.size
        points = np.frombuffer(colour.read(), "u1").reshape(h, w, 4)[::-1, :, :3]
        sums = points.reshape(height, k, width, k, 3).astype("u2").sum((1, 3))
        labels = np.frombuffer(label.read(), "f4").reshape(h, w, 2)[::-1][k // 2 :: k, k // 2 :: k]
        return Picture((sums // (k * k)).astype("u1"), labels[..., 1].astype("u1"), labels[..., 0].copy())
