"""Which of a detector's classes a profile asks for."""

from collections.abc import Collection, Sequence
from fnmatch import filter as matching
from pathlib import Path

from schemas.errors import UserError


def chosen(wanted: Sequence[str], names: Collection[str], weights: str | Path) -> set[str]:
    """Of a detector's `names`, in small letters, those that are `wanted`, in which `*` stands for any letters.

    Raises UserError for one that it has not.
    """
    if lacking := sorted(one for one in wanted if not matching(names, one)):
        known = f"It has: {', '.join(sorted(names))}"
        raise UserError(str(weights), f"has no class called {', '.join(lacking)}", known)
    return {name for one in wanted for name in matching(names, one)}
