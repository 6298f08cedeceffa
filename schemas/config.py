"""Reading a profile or a policy: YAML, overrides by dotted name, validation that names file, field, remedy."""

import difflib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas.errors import UserError

T = TypeVar("T", bound="Settings")
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML comes with it


class Settings(BaseModel):
    """Base of every settings block: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, data: Any) -> Any:
        """A limit of `true` would be one of 1."""
        for name, field in cls.model_fields.items() if isinstance(data, Mapping) else ():
            kinds = {field.annotation, *get_args(field.annotation)}
            if isinstance(data.get(name), bool) and {int, float} & kinds:
                raise ValueError(f"{name} is to be a number, not yes or no")
        return data

    def digest(self) -> str:
        """sha256 in hex of the canonical JSON, as it stands in certificates."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load(cls: type[T], path: str | Path, overrides: list[str] | None = None, prefix: str = "") -> T:
    """Read `path` into `cls`, after setting each override `a.b.c=value` (value in YAML syntax), given with the
    `prefix` before it.

    Raises UserError naming the file, the field and the remedy.
    """
    try:
        data = parsed(Path(path).read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(
            str(path), f"cannot be read ({error.strerror})", "Give the path of a YAML file"
        ) from None
    except UnicodeDecodeError as error:
        before = Path(path).read_bytes()[: error.start].count(b"\n")
        raise UserError(f"{path}: line {before + 1}", "is not UTF-8", "Save the file as UTF-8") from None
    if not isinstance(data, dict):
        raise UserError(str(path), "holds no settings", "It must be a YAML mapping")
    for override in overrides or []:
        _override(data, override, prefix)
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        # What is misspelt is missing as well: the name that is there is what helps.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        field = _field(first, data)
        for override in overrides or []:
            name = override.partition("=")[0]
            if field == name or field.startswith(f"{name}.") or name.startswith(f"{field}."):
                path = f"--set {prefix}{override}"
        # Of what holds for several fields together the input is all of them.
        is_one = first["type"] != "missing" and not isinstance(first["input"], dict)
        got = f" (got {first['input']!r})" if is_one else ""
        where = f"{path}: {field}" if field else str(path)
        raise UserError(where, f"{first['msg']}{got}", _remedy(cls, first)) from None


def _remedy(cls: type[Settings], error: Mapping[str, Any]) -> str:
    """For a name that a section does not have, the one that was meant, or all that it has."""
    held: type[Settings] | None = cls if error["type"] == "extra_forbidden" else None
    for section in error["loc"][:-1]:
        field = held.model_fields.get(str(section)) if held else None
        kind = field.annotation if field else None
        held = kind if isinstance(kind, type) and issubclass(kind, Settings) else None
    if not held:
        return "Mend this field"
    alike = difflib.get_close_matches(str(error["loc"][-1]), held.model_fields, 1)
    return f"Perhaps {alike[0]} is meant" if alike else f"Known here: {', '.join(held.model_fields)}"


def parsed(text: str, where: str, remedy: str = "Mend the file") -> Any:
    """What YAML says. Raises UserError that names `where` it stands for what is none, and for a key that is there
    twice: readers take the last and say nothing, so that a policy may demand something else than one reads in it."""
    try:
        try:
            return _read(text, where, yaml.SafeLoader if "\t" in text else _FAST)  # of tabs it takes more
        except yaml.YAMLError:
            return _read(text, where, yaml.SafeLoader)  # it says best what is wrong
    except yaml.YAMLError as error:
        raise UserError(f"{where}{_line(error)}", f"is not YAML ({_reason(error)})", remedy) from None


def _read(text: str, where: str, kind: Any) -> Any:
    """What a loader of that kind makes of it. Raises YAMLError, and UserError for a key that is there twice."""
    loader = kind(text)
    try:
        tree = loader.get_single_node()
        if tree and (twice := _twice(tree, "", set())):
            name, line = twice
            raise UserError(f"{where}: {name}", f"is there twice, again in line {line}", "Leave one of them")
        return loader.construct_document(tree) if tree else None
    finally:
        loader.dispose()


def _twice(node: yaml.Node, name: str, seen: set[int]) -> tuple[str, int] | None:
    """Dotted name and line of the first key of a tree that its mapping has already."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):  # an anchor's node is wherever it is named
        return None
    seen.add(id(node))
    keys = set[str]()
    for number, part in enumerate(node.value):
        key, value = part if isinstance(node, yaml.MappingNode) else (None, part)
        inner = f"{name}.{number if key is None else key.value}".lstrip(".")
        if key is not None and str(key.value) in keys:
            return inner, key.start_mark.line + 1
        keys |= {str(key.value)} if key is not None else set()
        if found := _twice(value, inner, seen):
            return found
    return None


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}" if mark else ""


def _reason(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _field(error: Mapping[str, Any], data: Any) -> str:
    """The dotted name of what pydantic complains of, without the tags of union members on its way there."""
    names = []
    for part in error["loc"]:
        if part in data if isinstance(data, dict) else isinstance(part, int):
            names.append(str(part))
            data = data[part]
    missing = [str(error["loc"][-1])] if error["type"] == "missing" else []
    return ".".join([*names, *missing])


def _override(data: dict[str, Any], override: str, prefix: str) -> None:
    given = f"--set {prefix}{override}"
    name, equals, value = override.partition("=")
    if not equals:
        raise UserError(given, "has no value", "Write it as --set generator.steps=8")
    *path, last = name.split(".")
    for part in path:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise UserError(given, f"{part} is a value, not a section", "See the profile's YAML file")
    data[last] = parsed(value, given, "Write the value as in the YAML file, quoted if need be")
