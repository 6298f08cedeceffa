"""Shaders: complete, and their structs have the fields of the dataclasses that fill them."""

import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from operators.actor.drawing.parts import Part
from operators.actor.looks.looks import Identity, Outfit, Pattern
from operators.actor.looks.sampling import sample_looks
from operators.training.render.packages import need
from operators.training.render.scenery.light import SceneLight
from operators.training.render.scenery.solids import Material
from operators.training.render.shading import set_uniforms, source, uniforms
from schemas.errors import UserError

STRUCTS = {
    Identity: "person.frag.glsl",
    Outfit: "person.vert.glsl",
    Pattern: "person.frag.glsl",
    SceneLight: "sky.frag.glsl",
}


@pytest.mark.parametrize("made_from", STRUCTS)
def test_a_struct_has_no_field_that_its_dataclass_lacks(made_from: type) -> None:
    """It would stay zero, and nobody would see why."""
    found = re.search(rf"struct {made_from.__name__} \{{(.*?)\}};", source(STRUCTS[made_from]), re.DOTALL)
    assert found
    code = re.sub(r"//.*|\[\d\]|\b(float|int|bool|vec3|Pattern)\b", "", found[1])
    assert set(re.findall(r"\w+", code)) <= {field.name for field in fields(made_from)}


def test_includes_are_resolved_and_names_defined() -> None:
    for part in Part:
        text = source("person.frag.glsl", part=part)
        assert text.startswith("#version 330\n")
        assert "#include" not in text
        assert f"#define PART {part.value}\n" in text
    for material in Material:
        assert f"MATERIAL == {material.name}" in source("place.frag.glsl", material=material)


def test_uniforms_are_named_by_the_path_to_the_field() -> None:
    looks = sample_looks(1, 2)
    values = dict(uniforms("outfit", looks.outfit))
    assert values["outfit.top_pattern.kind"] == looks.outfit.top_pattern.kind
    assert values["outfit.hem"] == looks.outfit.hem


@dataclass
class Slot:
    """A uniform that remembers what was put into it."""

    value: Any = None

    def write(self, data: bytes) -> None:
        self.value = np.frombuffer(data, "f4")


def test_a_program_gets_the_uniforms_that_it_has() -> None:
    program = {"colour": Slot(), "matrix": Slot(), "pair": Slot()}
    matrix = np.arange(16.0).reshape(4, 4)
    pair = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    set_uniforms(program, {"colour": np.ones(3), "matrix": matrix, "pair": pair, "other": 1})
    assert program["colour"].value == [1, 1, 1]
    assert program["matrix"].value.tolist() == matrix.T.ravel().tolist()  # OpenGL goes by columns
    assert program["pair"].value == [(1, 2, 3), (4, 5, 6)]


def test_a_missing_package_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match=r"requirements-render\.txt"):
        need("a_package_that_nobody_has")
