"""Lists of people among the files of an input: each beside the source that it is of, or nothing is planned."""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence

from operators import stamps
from operators.planning.people import PEOPLE, list_of
from operators.planning.spelling import alike
from schemas.errors import UserError

_NOBODYS = (
    "lists people of nothing that is beside it",
    f"Call it like the video, the folder of pictures or the recording, ending and all, with {PEOPLE} behind that",
)
_SPELLED = (
    "is called like what is beside it, in other signs for the same letters (Unicode's NFC and NFD)",
    f"Copy the other's name as it is, with {PEOPLE} behind that",
)
_NO_FILE = "is a folder where a list of people would be a file", "Write the list as one file"
_SHARED = (
    "lists people of a folder that is both pictures and a recording",
    "Put them into folders of their own",
)


def stamp_beside(uri: str, place: str, found: Mapping[str, str]) -> str:
    """That of the list of a source, empty if there is none. `found` are the files of the input `place` with their
    stamps; the list of the input itself lies outside of it."""
    beside = list_of(uri)
    if beside.startswith(f"{place}/"):
        return found.get(beside.removeprefix(f"{place}/"), "")
    _require_no_other(beside)
    return stamps.stamp(beside)


def _require_no_other(beside: str) -> None:
    """Raises UserError where a list on disk would be the input's but for its ending's letters, or is a folder."""
    folder, _, own = beside.rpartition("/")
    with contextlib.suppress(OSError):  # of a folder that may not be listed nothing is known
        for name in os.listdir(folder) if "://" not in beside else []:
            if name.lower().endswith(PEOPLE) and name[: -len(PEOPLE)] == own[: -len(PEOPLE)]:
                _require_list(folder, name)


def _require_list(folder: str, name: str) -> None:
    if os.path.isdir(f"{folder}/{name}"):
        raise UserError(f"{folder}/{name}", *_NO_FILE)
    if not name.endswith(PEOPLE):
        raise UserError(f"{folder}/{name}", *_NOBODYS)


def require_sources(place: str, found: Mapping[str, str], uris: Sequence[str]) -> None:
    """Raises UserError for a list of people that would be obeyed nowhere: its writer believes that it is. So it is with
    one of which nobody can tell whose it is."""
    owners = Counter(map(list_of, uris))
    for name in sorted(found):
        if PEOPLE not in name.lower() or is_hidden(name):
            continue
        if folder := next((part for part in _above_all(name) if part.lower().endswith(PEOPLE)), ""):
            raise UserError(f"{place}/{folder}", *_NO_FILE)
        if name.lower().endswith(PEOPLE) and owners[f"{place}/{name}"] != 1:
            raise UserError(f"{place}/{name}", *_not_ones(f"{place}/{name}", owners))


def _not_ones(uri: str, owners: Counter[str]) -> tuple[str, str]:
    """Why a list is not that of one source, and what to do."""
    if owners[uri]:
        return _SHARED
    return _SPELLED if alike(uri, owners) else _NOBODYS


def _above_all(path: str) -> list[str]:
    """The folders that a path lies in, each as a path."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def is_hidden(path: str) -> bool:
    """Whether its name, or that of a folder that it lies in, begins with a dot."""
    return any(part.startswith(".") for part in path.split("/"))
