"""Repair: what an interrupted run or somebody else left is removed before the next.

A shard counts once its record stands in OUT/checkpoint, and only while it holds (kept.py); all else that a run wrote is
left over from an interruption.
"""

from collections import defaultdict
from collections.abc import Iterable

from cluster.ledger.kept import Terms, kept
from operators import storage
from operators.release import layout
from schemas.errors import UserError


def repair(output: str, terms: Terms | None = None) -> None:
    """Remove whatever an interrupted run or somebody else left; finished shards that `terms` let in stay as they are.

    Can itself be interrupted anywhere: a shard's record goes after its files.
    """
    sizes = storage.list_files(output)
    written: dict[str, list[str]] = defaultdict(list)
    for path in sizes:
        if name := layout.shard_of(path):
            written[name].append(path)
    committed = {path: name for path in sizes if (name := layout.committed(path))}
    pending = [path for path in sizes if layout.committed(path, pending=True)]
    if written and not committed and not pending:
        remedy = "Restore OUT/checkpoint, or choose another output"
        raise UserError(output, "holds shards but no commit records", remedy)
    stay = kept(output, committed.values(), sizes, terms or Terms())
    storage.delete(output, [path for name, paths in written.items() if name not in stay for path in paths])
    half = [path for path in sizes if layout.half_written(path)]
    storage.delete(output, half + pending + [path for path, name in committed.items() if name not in stay])


def redo(output: str, names: Iterable[str]) -> None:
    """Take back the records of these shards, so that the run that follows makes them anew, whatever became of them.

    Raises UserError for a name that no shard has, and then takes back none.
    """
    records = {name: path for path in storage.list_files(output) if (name := layout.committed(path))}
    for name in sorted(set(names) - records.keys()):
        raise UserError(
            f"--redo {name}", f"is no shard of {output}", "Give the name of a shard, as verify does"
        )
    storage.delete(output, [records[name] for name in set(names)])
