"""The list of shards, OUT/shards.jsonl: one line per shard in order of name, each with the hash of all up to it.

    chain = sha256(chain of the line before, in hex, or 64 zeros + the line without `chain` as sorted JSON)

A line holds the digests of the shard's commit record and of its stats, which hold those of its files (that of the tar
is repeated here, for those who load tars alone), so whoever trusts the last hash, which stands in the signed
dataset.json, can tell if any shard was removed, replaced, added or moved. It is written anew whenever a run finishes,
so resuming and withdrawing need nothing of their own.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from operators import storage
from operators.release import json_form
from operators.release.accounts import COUNTED
from operators.release.checked import AGAIN
from operators.release.layout import SHARD_LIST, files_of
from schemas.errors import UserError
from schemas.manifest import Breach

Shard = tuple[dict[str, Any], tuple[str, str]]  # stats, the sha256 of their file and of the commit record
START = "0" * 64
REMEDY = "Do not publish this dataset before it is known why"


def write(output: str, lines: Sequence[bytes]) -> str:
    """Write the list, its lines as `listed` gives them; returns its last hash."""
    storage.write_bytes(output, SHARD_LIST, b"".join(lines))
    return str(json.loads(lines[-1])["chain"]) if lines else START


def entry(stats: dict[str, Any], digests: tuple[str, str]) -> dict[str, Any]:
    """A shard's line, but for the hash: of its stats, and the sha256 of their file and of the commit record."""
    return {
        "shard": stats["name"],
        "tar_sha256": stats["files"].get(files_of(stats["name"])["shards"], {}).get("sha256", ""),
        "stats_sha256": digests[0],
        "commit_sha256": digests[1],
        "clips": {name: stats[name]["clips"] for name in COUNTED},
    }


def listed(shards: Iterable[Shard]) -> list[bytes]:
    """The lines. `shards` come in order of name; they are not kept."""
    return [_line(link) for link in links(entry(*shard) for shard in shards)]


def links(entries: Iterable[dict[str, Any]], head: str = START) -> Iterator[dict[str, Any]]:
    """The lines as objects, of each shard's `entry` in order of name, behind one with the hash `head`."""
    for link in entries:
        head = hashlib.sha256((head + json.dumps(link, sort_keys=True)).encode()).hexdigest()
        yield {**link, "chain": head}


def manifests(output: str, head: str) -> dict[str, str]:
    """The sha256 of each shard's manifest, by path, as the list has it whose last hash is `head`. Raises UserError if
    the list is another one, or a shard's stats are."""
    found, last, where = dict[str, str](), START, f"{output}/{SHARD_LIST}"
    try:
        for line in storage.read_bytes(output, SHARD_LIST).splitlines():
            link = json_form.parsed(line)
            due = next(links([{name: value for name, value in link.items() if name != "chain"}], last))
            path, last = files_of(str(link["shard"])), due["chain"]
            data = storage.read_bytes(output, path["stats"])
            if hashlib.sha256(data).hexdigest() != link["stats_sha256"]:
                raise UserError(f"{output}/{path['stats']}", "is not what was written", REMEDY)
            found[path["manifest"]] = json_form.parsed(data)["files"][path["manifest"]]["sha256"]
    except (AttributeError, FileNotFoundError, KeyError, TypeError, ValueError):
        last = ""
    if last != head:
        raise UserError(where, "is not the list for which dataset.json was written", REMEDY)
    return found


def breaches(output: str, head: str, entries: Iterable[dict[str, Any]]) -> list[Breach]:
    """Where the list differs from the shards that are here, and its last hash from `head`, which was signed."""
    where = f"{output}/{SHARD_LIST}"
    try:
        found = storage.read_bytes(output, SHARD_LIST).splitlines(keepends=True)
        names = list(map(_named, found))
    except FileNotFoundError:
        return [Breach(where, "is missing", AGAIN)]
    except (UserError, ValueError, KeyError, TypeError):
        return [Breach(where, "cannot be read", REMEDY)]
    here, other, last = list[str](), 0, START
    for number, due in enumerate(links(entries), 1):
        here.append(due["shard"])
        last = due["chain"]
        if not other and number <= len(found) and found[number - 1] != _line(due):
            other = number
    problems = []
    for problem, others in (
        ("lists shards that are not here", set(names) - set(here)),
        ("does not list shards that are here", set(here) - set(names)),
    ):
        if others:
            problems.append(f"{problem}: {len(others)}, the first {min(map(str, others))}")
    if other and not problems:
        problems.append(f"line {other} is not what the shards here give")
    if len(found) != len(here) and not problems:
        problems.append("lists a shard twice")
    if head != last:
        problems.append("is not the list for which dataset.json was written")
    return [Breach(where, problem, REMEDY) for problem in problems]


def _line(link: dict[str, Any]) -> bytes:
    return json.dumps(link, sort_keys=True).encode() + b"\n"


def _named(line: bytes) -> str:
    """The shard that a line is of. Raises ValueError, KeyError or TypeError for a line that none has written."""
    link = json_form.parsed(line)
    if _line(link) != line:
        raise ValueError("not in the form in which it is written")
    return str(link["shard"])
