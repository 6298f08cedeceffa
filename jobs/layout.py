"""`jobs.anonymize --layout video`: whole videos beside a finished dataset, in OUT-videos, as jobs.export writes them.

Only from a dataset that is complete and verifies. OUT-videos is made anew by each such run, as nothing vouches for what
lies there; what is forgotten takes it away.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import pyarrow.compute as pc
from rich.console import Console

from cluster.ledger import memory, plans
from cluster.ledger.plans import Plan
from jobs.export import by_source, called, ends, released, videos_among
from jobs.results import print_given_back
from jobs.verify import policy_of, show, verify
from operators import storage
from operators.formats.images import RECORD
from operators.formats.videos import VideoExport
from operators.release import reader
from operators.release.layout import DATASET
from schemas.errors import UserError

_ALL = pc.field("clip_id").is_valid()


def place_of(output: str) -> str:
    """Where the videos of the dataset `output` lie. Raises UserError if there is anything that is none of them."""
    target = _beside(output)
    if storage.list_files(target) and not _record(target):
        remedy = f"Move it away: --layout video writes there, or give another --output than {output}"
        raise UserError(target, f"holds files, and no {RECORD} of whole videos", remedy)
    return target


def discard(output: str, forgotten: Collection[str]) -> None:
    """Delete the whole videos of `output`, if there are any, unless all these sources were `forgotten` before."""
    record = _record(target := _beside(output))
    if record and not set(forgotten) <= set(record.get("forgotten", [])):
        _delete(target)


def whole_videos(plan: Plan, output: str, trusted: str) -> int:
    """Verify `output`, which must be signed by the public key `trusted` (PEM) if that is not empty, and write its
    videos; the exit status. Raises UserError if it is not complete, or a clip is not what was released."""
    target, made_from = place_of(output), hashlib.sha256(storage.read_bytes(output, DATASET)).hexdigest()
    _delete(target)  # what was withdrawn, put there or changed since must not stay
    found = reader.require_complete(output, "there are no whole videos to make")
    proof = verify(output, found, trusted, seed=secrets.token_hex(8))
    if proof.breaches:
        show(output, found, proof, trusted, Console())
        return 1
    gone = sorted(memory.forgotten(plan.uri))
    record: dict[str, Any] = {"layout": "video", "dataset_sha256": made_from, "forgotten": gone}
    _keep(target, record)  # so that it is known for what it is if this is interrupted
    policy, (plain, keys) = policy_of(output, found), videos_among(plan, _ALL)
    ended = ends(output, keys, proof.manifests)
    read, name = partial(released, output, ended), partial(called, policy.videos, _named(plan))
    export = VideoExport(policy.videos, policy.timing, ended, name, read, target)
    record["videos"] = export.write(by_source(plan, plain))
    _keep(target, record)
    if sorted(memory.forgotten(plan.uri)) != gone:  # by a run that came as this one let go of the output
        _delete(target)
        raise UserError(target, "would hold what has just been forgotten", "Run the same command again")
    print_given_back(record, target)
    return 0


def _beside(output: str) -> str:
    return f"{output.rstrip('/')}-videos"


def _delete(target: str) -> None:
    """The record goes last: without it nobody would know an interruption's rest for what it is."""
    storage.delete(target, [path for path in storage.list_files(target) if path != RECORD])
    storage.delete_folder(target)


def _named(plan: Plan) -> Callable[[str], str]:
    """What gives a source's own name."""
    names = plans.source_names(plan.uri)
    return lambda uri: names.get(uri, uri.rpartition("/")[2])


def _keep(target: str, record: dict[str, Any]) -> None:
    storage.write_bytes(target, RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode())


def _record(target: str) -> dict[str, Any]:
    """What stands there, if it is of whole videos."""
    try:
        found = json.loads(storage.read_bytes(target, RECORD))
    except (FileNotFoundError, ValueError):
        return {}
    is_own = isinstance(found, dict) and found.get("layout") == "video"
    return found if is_own else {}
