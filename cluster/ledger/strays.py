"""What lies in a dataset and is not listed, or is not what was listed: files, links, pipes, folders."""

from operators import storage
from operators.on_disk import REMEDY
from operators.release import layout
from operators.release.attestation import sha256
from operators.release.checked import AGAIN
from schemas.manifest import Breach


def breaches(
    output: str, entries: dict[str, str], shards: set[str], listed: dict[str, str], running: bool
) -> list[Breach]:
    """Of all `entries` below `output`, given the files of its shards and the digests by path that were vouched for.

    What a run keeps there while it is `running` belongs there as long.
    """
    known = shards | set(listed) | {layout.DATASET, layout.ATTESTATION}
    if running:
        known |= {layout.SHARD_LIST, layout.REPORT}
    return [*_others(output, listed), *_unlisted(entries, known, running)]


def _others(output: str, listed: dict[str, str]) -> list[Breach]:
    """Listed files that are others now; dataset.json is looked at by itself."""
    found = []
    for path in sorted(set(listed) - {layout.DATASET}):
        if path not in (layout.SHARD_LIST, layout.REPORT):
            found.append(Breach(f"{output}/{path}", "is listed, and belongs to no dataset", AGAIN))
        elif sha256(_read(output, path)) != listed[path]:
            found.append(Breach(f"{output}/{path}", "is not what was vouched for", AGAIN))
    return found


def _read(output: str, path: str) -> bytes:
    try:
        return storage.read_bytes(output, path)
    except FileNotFoundError:
        return b""


def _unlisted(entries: dict[str, str], known: set[str], running: bool) -> list[Breach]:
    found, folders = [], {*layout.FOLDERS, layout.CHECKPOINT}
    for path, kind in sorted(entries.items()):
        under_way = running and (layout.is_under_way(path) or layout.is_under_way(f"{path}/x"))
        if kind == "labelled":
            found.append(Breach(path, "carries attributes beside its bytes", "Remove them: setfattr -x"))
        elif kind == "other":
            found.append(Breach(path, "is no file: a link, a pipe or the like", REMEDY))
        elif kind == "folder" and path not in folders and not under_way:
            found.append(Breach(path, "is a folder that belongs to no dataset", REMEDY))
        elif kind == "file" and path not in known and not under_way:
            found.append(Breach(path, "belongs to no shard of this dataset", REMEDY))
    return found
