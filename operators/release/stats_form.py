"""Do a shard's stats say what every shard's do, each of its kind? Others may write in an output, and whatever adds up
accounts must not end by what they wrote."""

from typing import Any

from operators.release.accounts import COUNTED, NUMBERS
from operators.release.head_form import MOST
from operators.release.layout import is_shard_name


def well_formed(stats: Any) -> bool:
    """Whether they can be read as those of a shard; whether they are true is for others to say."""
    if not isinstance(stats, dict) or not isinstance(stats.get("name"), str):
        return False
    numbers = {name: stats.get(name) for name in NUMBERS}  # as certificates say them
    return (
        is_shard_name(stats["name"])
        and all(_counts(stats.get(name), ("clips", "frames")) for name in COUNTED)
        and _counts(numbers, NUMBERS, least=1 - MOST)
        and _seconds(stats.get("seconds"))
        and _files(stats.get("files"))
        and all(_words(stats.get(name, {})) for name in ("settings", "made_by"))
    )


def _counts(value: Any, names: tuple[str, ...], least: int = 0) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(names)
        and all(type(one) is int and least <= one < MOST for one in value.values())
    )


def _seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        type(one) in (int, float) and 0 <= one < MOST for one in value.values()
    )


def _files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, dict) and type(one.get("bytes")) is int and isinstance(one.get("sha256"), str)
        for one in value.values()
    )


def _words(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
