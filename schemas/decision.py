"""What a reviewer decided about clips: the file that the review page saves and the next run honours."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from schemas import words
from schemas.certificate import Step
from schemas.config import Settings
from schemas.errors import UserError


def _published(text: str) -> str:
    if not words.written(text):
        raise ValueError(f"is published: no path, address or file's name, and up to {words.MOST} characters")
    return text


T = TypeVar("T", bound=Settings)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Said = Annotated[Text, AfterValidator(_published)]
_STEPS: dict[str, Literal["accept", "other seed", "opaque fill"]] = {
    "accept": "accept",
    "redo": "other seed",
    "blackout": "opaque fill",
}


class Decision(Settings):
    """One clip's. `output_sha256` is the video that the reviewer looked at, empty if there was only the original.
    `reason` and `by` are published with the clip.

    accept    release this very video although gates refused it
    redo      make it again with another seed
    blackout  make it again with people as flat shapes
    """

    key: Text
    decision: Literal["accept", "redo", "blackout"]
    reason: Said
    by: Said
    output_sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    def step(self, waives: list[str]) -> Step:
        """As it stands in the clip's certificate; `waives` are the gates that refused the clip."""
        accepted = waives if self.decision == "accept" else []
        return Step(_STEPS[self.decision], self.reason, self.by, self.output_sha256, accepted)


def read_decisions(where: str, data: bytes) -> list[Decision]:
    """The decisions in a JSON file. Raises UserError that names the file `where`, the entry and the remedy."""
    found = read_list(Decision, where, data, "Give the file that the review page saved")
    keys = [decision.key for decision in found]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            problem = f"decides about clip {key}, as entry {keys.index(key) + 1} does"
            raise UserError(f"{where}: entry {number + 1}", problem, "Leave one of them")
    return found


def read_list(kind: type[T], where: str, data: bytes, remedy: str) -> list[T]:
    """The entries of a JSON file that a page saved. Raises UserError that names the file `where` and the entry."""
    try:
        read = json.loads(data, object_pairs_hook=_each_once)
        return TypeAdapter(list[kind]).validate_python(read)  # type: ignore[valid-type]
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise UserError(where, "is not JSON, or says a thing twice", remedy) from None
        first = error.errors()[0]
        entry, *field = first["loc"] or [""]
        place = f"{where}: entry {int(entry) + 1}" if entry != "" else where
        place += f": {'.'.join(map(str, field))}" if field else ""
        has = f"An entry has: {', '.join(kind.model_fields)}"
        raise UserError(place, f"{first['msg']} (got {first['input']!r})", has) from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that is there twice readers take the last. Raises ValueError."""
    if len(held := dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return held
