"""One name, two spellings: Unicode has many letters both as one sign and as several, and both look alike.

macOS keeps names as they came or apart (NFD), keyboards give them composed (NFC), and copying may change one into the
other. Names of files are taken as they are; a name that somebody writes is that of the file which has it, or else of
the one that is spelled otherwise.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar
from unicodedata import normalize

T = TypeVar("T")


def composed(name: str) -> str:
    """The same letters in as few signs as there are for them."""
    return normalize("NFC", name)


def spellings(name: str) -> list[str]:
    """A name as it is, composed and apart."""
    return list(dict.fromkeys([name, composed(name), normalize("NFD", name)]))


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that are the same, however they are spelled."""
    return [one for one in names if composed(one) == composed(name)]


def meant(name: str, names: Iterable[str]) -> list[str]:
    """Of `names` the one that is the same to the sign, or else all that are so but for their spelling."""
    found = alike(name, names)
    return [one for one in found if one == name] or found


def as_spelled(said: Mapping[str, T], names: Iterable[str]) -> dict[str, T]:
    """What is said by name, each by the one of `names` that is meant, if that is one alone of which else is said
    nothing."""
    known = {*names}
    others: dict[str, list[str]] = {}
    for one in known - said.keys():
        others.setdefault(composed(one), []).append(one)
    made: dict[str, T] = {}
    for name, value in said.items():
        found = [name] if name in known else others.get(composed(name), [])
        made[found[0] if len(found) == 1 and found[0] not in made else name] = value
    return made
