"""What a plan remembers of its datasets, as whoever may write in those cannot make it forget.

    withdrawn/NAME            an empty file for each shard that was taken out of a dataset for a cause
    decided/ID.json           the steps with which a clip is made, once a reviewer has decided about it
    revisions/ID.json         the last revision of the dataset ID, a digest of where it lies
    begun/ID.json             by what code and weights the shards of that dataset are made which it has not finished
    forgotten/KEY             an empty file for each source that is never to be planned again, by its key

A withdrawn shard has its signature still: put back in the place of the one that was made instead, it would be kept,
listed and signed anew. What a reviewer decided stands in the dataset's own folder only until it is done: deleted there,
it would never have been decided. An older release as a whole is as sound as on its first day; what comes after it must
not have the number of one that was there already. One file each: the parts of a plan, each a run of its own, never wait
for or overwrite each other.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from operators import storage
from operators.recovery.mark import mark_of
from operators.release.layout import is_shard_name
from schemas.certificate import Step
from schemas.errors import UserError

WITHDRAWN, DECIDED, FORGOTTEN = "withdrawn", "decided", "forgotten"
REVISIONS, BEGUN = "revisions", "begun"
_BEFORE = "forgotten.json"  # a list of the same, as releases before 0.1.0 wrote it


def withdraw(plan: str, shards: Iterable[str]) -> None:
    """Remember these shards. To be done before they are removed, or an interruption forgets them."""
    for name in shards:
        storage.write_bytes(plan, f"{WITHDRAWN}/{name}", b"")


def withdrawn(plan: str) -> frozenset[str]:
    """Names of all shards that were taken out of any dataset of the plan."""
    return frozenset(filter(is_shard_name, storage.list_files(storage.join(plan, WITHDRAWN))))


def decide(plan: str, clip_id: int, steps: Sequence[Step]) -> None:
    """Remember the steps due for a clip."""
    made = {"clip_id": clip_id, "steps": [asdict(step) for step in steps]}
    storage.write_bytes(plan, _decision(clip_id), json.dumps(made).encode())


def undecide(plan: str, clip_ids: Iterable[int]) -> None:
    """Forget what was decided about these clips, in a reviewer's words: nothing of them is to stay."""
    storage.delete(plan, list(map(_decision, clip_ids)))


def _decision(clip_id: int) -> str:
    return f"{DECIDED}/{mark_of(clip_id)}.json"


def decided(plan: str) -> dict[int, list[Step]]:
    """By clip, what is due by a reviewer's last decision about it."""
    folder = storage.join(plan, DECIDED)
    found = [json.loads(storage.read_bytes(folder, name)) for name in storage.list_files(folder)]
    return {one["clip_id"]: [Step(**step) for step in one["steps"]] for one in found}


def reached(plan: str, output: str, revision: int) -> None:
    """Remember that this revision of the dataset `output` was finished."""
    storage.write_bytes(plan, _of(output), json.dumps({"revision": revision}).encode())


def last(plan: str, output: str) -> int:
    """The last revision of the dataset `output` that was finished; 0 if none was. Raises UserError if it is damaged."""
    try:
        revision = json.loads(storage.read_bytes(plan, _of(output)))["revision"]
        if type(revision) is not int or revision < 0:
            raise ValueError("no revision")
    except FileNotFoundError:
        return 0
    except (KeyError, TypeError, ValueError):
        remedy = 'Write the last revision that was published there: {"revision": N}'
        raise UserError(f"{plan}/{_of(output)}", "is damaged", remedy) from None
    return revision


def begin(plan: str, output: str, made_by: Mapping[str, str]) -> None:
    """Remember by what code and weights (digests) all shards in `output` are made from now on, and are that stay."""
    storage.write_bytes(plan, _of(output, BEGUN), json.dumps(dict(made_by)).encode())


def begun(plan: str, output: str) -> object:
    """What `begin` was told last; None if nothing: of an output that another plan, or an older release, has begun."""
    try:
        return json.loads(storage.read_bytes(plan, _of(output, BEGUN)))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def forget(plan: str, keys: Iterable[str]) -> None:
    """Remember that these sources are to be forgotten. To be done first, or an interruption forgets that."""
    for key in keys:
        storage.write_bytes(plan, f"{FORGOTTEN}/{key}", b"")


def forgotten(plan: str) -> frozenset[str]:
    """Keys of the sources that are never to be planned again. Raises UserError if that cannot be read."""
    listed: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        try:
            listed = list(map(str, json.loads(storage.read_bytes(plan, _BEFORE))))
        except (TypeError, ValueError):
            remedy = "Restore it: it lists the keys of sources that are never to be planned again"
            raise UserError(f"{plan}/{_BEFORE}", "is damaged", remedy) from None
    found = storage.list_files(storage.join(plan, FORGOTTEN))
    return frozenset(filter(re.compile("[0-9a-f]{20}").fullmatch, [*found, *listed]))


def _of(output: str, folder: str = REVISIONS) -> str:
    """A plan may have several datasets; each goes by where it lies."""
    return f"{folder}/{hashlib.sha256(storage.absolute(output).encode()).hexdigest()[:32]}.json"
