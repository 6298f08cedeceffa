"""Where everything of a dataset lies and what it is called: folders, members, names and the fields of dataset.json.

dataset.json              what it is, and whether it is complete: FIELDS
dataset.dsse.json         digests of dataset.json, shards.jsonl, report.html; signed (attestation.py)
shards/NAME.tar           KEY.mp4, KEY.json, optional KEY.condition.mp4; absent if nothing was released
manifest/NAME.parquet     schemas.manifest.ManifestRow: one row per clip of any verdict
quarantine/NAME.parquet   QuarantineRow: one row per clip that was not released; absent if there is none
stats/NAME.json           the accounting and the digests of the files above; written last
shards.jsonl              the list of shards, each with the hash of all up to it (cluster/ledger/chain.py)
checkpoint/NAME.parquet   the commit record of a shard: without it, the shard is left over from an interruption
report.html               what it holds, to be looked at
evaluation.dsse.json      how private it is, signed (evidence.py); written by jobs.evaluate with a key
croissant.json            a data card with that (jobs.evaluate --card), vouched for by it
attempts/, escalation/    of a run that has not finished, and lease.json, which says that it runs
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from operators.recovery import attempts, escalation
from operators.storage import PARTIAL

SCHEMA_VERSION = 3
DATASET, SHARD_LIST, REPORT = "dataset.json", "shards.jsonl", "report.html"
ATTESTATION, LEASE = "dataset.dsse.json", "lease.json"
EVIDENCE, CARD = "evaluation.dsse.json", "croissant.json"
FOLDERS = {"shards": "tar", "manifest": "parquet", "quarantine": "parquet", "stats": "json"}
CHECKPOINT = "checkpoint"
VIDEO, RECORD, CONDITION = (
    "mp4",
    "json",
    "condition.mp4",
)  # members of a clip, after its key and a dot; see labels.py
FIELDS = {
    "schema_version": "of this table and of the folders' schemas",
    "recast_version": "of the release that made it (schemas.__version__)",
    "state": "running or complete",
    "dataset_id": "by which verify --dataset-id tells it from others of a signer: keyed, of plan, part and settings",
    "revision": "grows whenever a finished dataset differs from the one before it",
    "variant": "structhuman or structall",
    "partition": "K/N: which part of the plan this is",
    "profile": "name and digest of what it was computed with",
    "policy": "name and digest of what was demanded of it, and all its settings",
    "signer": "name, fingerprint and public key (PEM), or null",
    "marker": "name and digest of the C2PA certificate, or null",
    "planned": "clips and frames",
    "forgotten": "keys of sources erased from this part of the plan: every KEY-* of theirs is to be deleted everywhere",
    "released": "clips and frames",
    "quarantined": "clips and frames",
    "failed": "clips and frames",
    "people": "in released clips, regenerated or filled; clip by clip, also who shows in its frames of context alone",
    "regenerated": "people shown anew",
    "filled": "people in whose place is a flat shape or background, or who are disguised, as the policy says",
    "frames_masked": "released frames of which something was made anew",
    "frames_painted": "released frames of which something was painted over",
    "diffusion_calls": "for them; none where people are drawn",
    "bypassed": "clips released in which there was nobody and nothing to replace or paint over",
    "seconds": "of work by stage",
    "shards": "how many there are",
    "id_digest": "sha256 over the sorted ids: which clips were planned",
    "chain": "the last hash of shards.jsonl",
    "licence_notes": "whose rights go on",
}

_NAME = r"[0-9a-f]{32}-[0-9]{8}"
_SHARD_FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/({_NAME})\.\w+")
_COMMIT = re.compile(rf"{CHECKPOINT}/({_NAME})(\.pending)?\.parquet")
_UNDER_WAY = re.compile(rf"(?:{attempts.FOLDER}|{escalation.FOLDER})/[^/]+|{re.escape(LEASE)}")


def shard_name(write: str, task: int) -> str:
    """Of a fixed length: Ray's recovery goes by prefixes. `write` is 32 hex digits, new for each run of the sink."""
    return f"{write}-{task:08d}"


def files_of(name: str) -> dict[str, str]:
    """Folder -> path of each file that a shard may consist of, relative to the dataset."""
    return {folder: f"{folder}/{name}.{extension}" for folder, extension in FOLDERS.items()}


def commit_of(name: str) -> str:
    """Path of a shard's commit record."""
    return f"{CHECKPOINT}/{name}.parquet"


def shard_of(path: str) -> str:
    """Name of the shard that the file `path` is a part of; empty if it is of none."""
    match = _SHARD_FILE.fullmatch(path)
    return match[1] if match else ""


def is_shard_name(name: str) -> bool:
    """Whether a shard can be called that; no other word gets into a dataset as a file's name."""
    return bool(re.fullmatch(_NAME, name))


def committed(path: str, pending: bool = False) -> str:
    """Name of the shard whose commit record `path` is, or with `pending` may yet become; empty if it is none."""
    match = _COMMIT.fullmatch(path)
    return match[1] if match and bool(match[2]) == pending else ""


def half_written(path: str) -> bool:
    """Whether `path` is what a kill leaves of a file that a run was writing."""
    whole = path.removesuffix(PARTIAL)
    own = whole in (DATASET, SHARD_LIST, REPORT, ATTESTATION, LEASE)
    return whole != path and (own or bool(shard_of(whole) or committed(whole)))


def is_under_way(path: str) -> bool:
    """Whether `path` is what a run that has not finished keeps in its output."""
    return bool(_UNDER_WAY.fullmatch(path))


def is_key(key: str) -> bool:
    """Whether a clip can be called that: digits of an HMAC, and a number."""
    return bool(re.fullmatch(r"[0-9a-f]{20}-(?:[0-9]{6}|[1-9][0-9]{6,8})", key))


def source_of(key: str) -> str:
    """Key of the source: a clip's is that and a number."""
    return key.rsplit("-", 1)[0]


def sources_of(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same of a column of clips' keys."""
    return pc.replace_substring_regex(keys, "-[^-]*$", "")
