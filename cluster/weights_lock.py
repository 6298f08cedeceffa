"""Weights are pinned: what `weights.lock` lists must have its digest, and a licence that the profile allows."""

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from operators import weights
from operators.actor.body.body import WEIGHTS as BODY
from operators.models.known_answer import Blind
from operators.models.scene.ocr import text_weights
from operators.models.witnesses.centerface import FACES, face_weights
from schemas.config import Settings, parsed
from schemas.errors import UserError
from schemas.evaluation import Judges
from schemas.profile import Profile

log = logging.getLogger("recast")
LOCK = Path(__file__).parent / "weights.lock"
# Of models: what allows any use and passing on, with no more than naming the authors.
PERMISSIVE = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-BY-4.0"}
_TRAINING = ("operators/training/", "jobs/train_", "jobs/prepare.py", "jobs/finetune.py")
_CUES = ("pose", "segment", "limbs")  # of a profile's fields those that make the masks
_FIELDS = (
    "weights",
    "adapter",
    "base",
    "distilled",
    "distilled_2",
    "vae",
    "decoder",
)  # of a profile that name a file or folder
_BY_NAME = ("embedders",)  # of judges that name several


def read_lock() -> dict[str, dict[str, Any]]:
    """The entries of weights.lock by path."""
    return parsed(LOCK.read_text(), LOCK.name) or {}


def digest(path: str | Path) -> str:
    """sha256 in hex of a file, or of a folder's files in order of name (their names included)."""
    place = weights.found(path)
    if not place.exists():
        remedy = "Name existing weights in the profile; paths begin here, or where Recast itself lies"
        if {"hub", "by_hand"} & read_lock().get(str(path), {}).keys():
            remedy = "Fetch it with python -m jobs.weights fetch and this profile"
        raise UserError(str(path), "weights not found", remedy)
    return weights.digest(place)


def named(settings: Settings, prefix: str = "") -> dict[str, str]:
    """Everything that a profile loads: path, as the lock has it if it is listed there, by dotted field name."""
    found: dict[str, str] = {}
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        if field in _FIELDS and value and isinstance(value, str):
            found[prefix + field] = weights.name_of(value)
        for inner, part in _several(field, value):
            if isinstance(part, Settings):
                found |= named(part, f"{prefix}{inner}.")
            elif field in _BY_NAME and isinstance(part, str):
                found[prefix + inner] = weights.name_of(part)
    return found


def _several(field: str, value: Any) -> list[tuple[str, Any]]:
    """Of a field its value, or each of several, by dotted name."""
    if isinstance(value, dict):
        return [(f"{field}.{name}", part) for name, part in value.items()]
    if isinstance(value, list):
        return [(f"{field}.{number}", part) for number, part in enumerate(value)]
    return [(field, value)]


def verify(path: str, lock: dict[str, dict[str, Any]], place: Path | None = None) -> str:
    """The digest of one path, or of what lies at `place` under that name in the lock.

    Raises UserError where the lock says another, or lists it without one.
    """
    found, entry = digest(place or path), lock.get(path, {})
    if path in lock and not entry.get("sha256"):
        remedy = (
            "Look at what came, run python -m jobs.weights fetch --pin, and have the changed lock reviewed"
        )
        raise UserError(path, f"has no digest in {LOCK.name}, so nobody knows if it is the right one", remedy)
    if path in lock and entry["sha256"] != found:
        raise UserError(
            path, f"is not what {LOCK.name} lists", "Restore the file, or update its entry if you retrained"
        )
    return found


def check(profile: Profile) -> str:
    """Digest over all weights that the profile names; raises UserError where one differs from the lock.

    Weights that the lock does not list are the user's own: their digest goes into every certificate.
    """
    return hashlib.sha256(
        "".join(f"{name}:{value}\n" for name, value in sorted(digests(profile).items())).encode()
    ).hexdigest()


def digests(profile: Profile) -> dict[str, str]:
    """sha256 by name of all that the profile loads; raises UserError where one differs from the lock.

    Where it is loaded it is compared with these again: `checked`.
    """
    lock = read_lock()
    found = {name: verify(name, lock) for name in named(profile).values()}
    _require_independent(profile, named(profile), found)
    for name, place in ({FACES: face_weights()} | text_weights()).items():
        found[name] = verify(name, lock, place)
    if profile.generator.people == "actor":
        found[str(BODY)] = verify(str(BODY), lock)
    return found


def _require_independent(profile: Profile, names: Mapping[str, str], whole: Mapping[str, str]) -> None:
    """Raise UserError if who judges holds a file of who makes the masks, whatever it is called. The final look may hold
    the witness's where the profile spells both alike: then it has been asked to be another view. `names` by field,
    digests by name."""
    parts = {field: _parts(name, whole[name]) for field, name in names.items()}
    witnesses = profile.witness if isinstance(profile.witness, list) else [profile.witness]
    alike = {weights.name_of(one.weights) for one in witnesses if one.weights == profile.final.weights}
    for field, name in names.items():
        judge = field.partition(".")[0]
        others = {"witness": _CUES, "final": (*_CUES, "witness")}.get(judge, ())
        for other in names:
            again = other.startswith("witness") and names[other] in alike
            if other.partition(".")[0] in others and parts[field] & parts[other] and not again:
                problem = f"{name} holds the same weights as {other}, {names[other]}"
                raise UserError(f"the profile's {field}", problem, "Name a detector that is another one")


def _parts(name: str, whole: str) -> set[str]:
    """Digests of the files with numbers in them; of a file its own, which is known."""
    inside = sorted(file for file in Path(name).rglob("*") if file.is_file())
    return {weights.digest(file) for file in inside if file.suffix not in weights.BESIDE} or {whole}


def digests_of(judges: Judges) -> dict[str, str]:
    """The same of what judges an evaluation."""
    lock = read_lock()
    return {name: verify(name, lock) for name in named(judges).values()}


def checked(operator: type, expected: Mapping[str, str]) -> type:
    """The operator as an actor that loads these weights and no others, wherever it runs.

    One that has gone blind ends its process: Ray starts another, which sees before it works, and gives it the clip.
    """

    class Vouched(operator):
        def __init__(self, *arguments: Any) -> None:
            weights.expect(expected)
            super().__init__(*arguments)

        def __call__(self, batch: Any) -> Any:
            try:
                return super().__call__(batch)
            except Blind as error:
                log.critical("this process ends, as it sees nothing any more: %s", error)
                logging.shutdown()
                os._exit(1)

    Vouched.__name__ = Vouched.__qualname__ = operator.__name__  # Ray shows it
    return Vouched


def check_licences(profile: Profile, file: str, variant: str = "structall") -> None:
    """Raise UserError if the profile in `file` asks for permissive licences and names weights under another, of those
    that the variant loads: depth is StructAll's alone."""
    if profile.licences != "permissive":
        return
    lock = read_lock()
    for field, path in named(profile).items():
        if variant == "structhuman" and field.startswith("depth."):
            continue
        licence = lock.get(path, {}).get("licence", "")
        if licence not in PERMISSIVE:
            problem = f"{path} is under {licence}" if licence else f"{path} has no licence in {LOCK.name}"
            remedy = "Name a model with a permissive licence there, or say licences: any"
            raise UserError(f"{file}: {field}", f"{problem}, and this profile is permissive", remedy)


def check_adapter(profile: Profile, variant: str, file: str) -> None:
    """Raise UserError if the profile in `file` names an adapter for another variant or mode than it was made for.

    What it was made for stands in its entry in the lock, or else in its own metadata, as jobs.finetune writes it. One
    that does not tell is refused: in a mode that it does not know it fails in silence.
    """
    path, settings = weights.name_of(profile.generator.adapter), profile.generator
    entry = read_lock().get(path)
    made_for = entry or (_metadata(path) if weights.found(path).is_file() else None)
    if not path or made_for is None:  # nothing to check, or a file that is missing, which loading names
        return
    mode = "whole_frame" if variant == "structall" else settings.mode
    for name, wanted, owner in (("variant", variant, "the policy"), ("mode", mode, "the profile")):
        known = made_for.get(name)
        if known == wanted:
            continue
        problem = f"{path} was trained for {known}, and {owner} says {wanted}"
        remedy = (
            f"Name the other adapter, or change {owner}'s {name if name == 'variant' else 'generator.mode'}"
        )
        if not known:
            problem = f"{path} does not say for which {name} it was trained"
            remedy = f"List it in {LOCK.name} with its variant and mode, or train it with jobs.finetune"
        raise UserError(f"{file}: generator.adapter", problem, remedy)


def _metadata(path: str) -> dict[str, str]:
    try:
        with safe_open(weights.vouched(path), "pt") as opened:
            return opened.metadata() or {}
    except Exception as error:  # whatever parsing somebody's file raises
        problem = f"is no .safetensors file ({type(error).__name__})"
        raise UserError(path, problem, "Name an adapter in the profile (generator.adapter)") from None


def code_version() -> str:
    """sha256 in hex over the Python sources that decide what is released: all of the rooms but what trains."""
    root, total = Path(__file__).parent.parent, hashlib.sha256()
    rooms = ("schemas", "operators", "jobs", "cluster")
    for file in sorted(file for room in rooms for file in (root / room).rglob("*.py")):
        name = str(file.relative_to(root))
        if not name.startswith(_TRAINING):
            total.update(f"{name}:{weights.digest(file)}\n".encode())
    return total.hexdigest()
