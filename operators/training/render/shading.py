"""GLSL from the folder beside this file, and its uniforms from dataclasses: a struct there has the fields' names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from operators.actor.looks.looks import CAP, SHAVED

_FOLDER = Path(__file__).with_name("shaders")
_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)
_HAIR = {"CAP": CAP, "SHAVED": SHAVED}


def source(name: str, **chosen: IntEnum) -> str:
    """A shader with its includes. `part=Part.TOP` defines the names of all parts as their numbers, and PART as TOP."""
    numbers: dict[str, int] = dict(_HAIR) if chosen else {}
    for meaning, value in chosen.items():
        numbers |= {member.name: member.value for member in type(value)} | {meaning.upper(): value.value}
    head = ["#version 330", *(f"#define {name} {number}" for name, number in numbers.items())]
    return "\n".join([*head, _included(name)])


def _included(name: str) -> str:
    return _INCLUDE.sub(lambda found: _included(found[1]), (_FOLDER / name).read_text())


def uniforms(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """("outfit.top_pattern.kind", 3) and so on for every field of a dataclass, also of dataclasses in it."""
    for field in fields(value):
        name, inner = f"{prefix}.{field.name}", getattr(value, field.name)
        if is_dataclass(inner):
            yield from uniforms(name, inner)
        else:
            yield name, inner


def set_uniforms(program: Any, values: Mapping[str, Any]) -> None:
    """Those that a moderngl program has; matrices as float64 [4,4]."""
    for name, value in values.items():
        if name in program:
            if isinstance(value, np.ndarray) and value.shape == (4, 4):
                program[name].write(np.ascontiguousarray(value.T, "f4").tobytes())
            else:
                program[name].value = value if np.isscalar(value) else [_plain(item) for item in value]


def _plain(item: Any) -> Any:
    return item if np.isscalar(item) else tuple(item)
