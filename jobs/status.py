"""Status: how far a run is, from its output alone. `python -m jobs.status OUT`

Works on a running, a finished and a dead run alike, from anywhere that can read OUT. Counts are of committed shards;
the rate is that of the newest of them, so a pause before a resumption does not count.
"""

import json
import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.ledger import index
from jobs import options
from operators import storage
from operators.release.shard_writer import VERDICTS, total
from schemas.errors import UserError

RECENT = 20  # shards whose pace is taken for the run's


def status(output: str, now: datetime) -> dict[str, Any]:
    """State, counts, clips per hour and time left. Raises UserError if `output` is no dataset."""
    dataset = index.read_dataset(output)
    if dataset is None:
        raise UserError(output, "holds no dataset.json, so no run was begun there", "Give the output of one")
    stats = {path: json.loads(data) for path, data in index.read_stats(output).items()}
    times = sorted(
        (moment, path)
        for path, moment in storage.modified(output).items()
        if re.fullmatch(r"checkpoint/[0-9a-f]{32}-\d{8}\.parquet", path)
    )
    names = [path.split("/")[1].removesuffix(".parquet") for _, path in times]
    done = [stats[f"stats/{name}.json"] for name in names if f"stats/{name}.json" in stats]
    planned, counted = dataset["planned"]["clips"], total(done)
    recent = times[-RECENT:]
    rate = None
    if len(recent) > 1 and len(done) == len(times):
        span = (recent[-1][0] - recent[0][0]).total_seconds()
        rate = sum(shard["planned"]["clips"] for shard in done[-len(recent) + 1 :]) / max(span, 1e-3) * 3600
    left = planned - counted["planned"]["clips"]
    return {
        "state": dataset["state"],
        "planned": planned,
        "shards": len(done),
        **{verdict: counted[verdict]["clips"] for verdict in VERDICTS.values()},
        "left": left,
        "clips per hour": None if rate is None else round(rate),
        "time left": str(timedelta(seconds=round(left / rate * 3600))) if rate and left else None,
        "last shard": str(timedelta(seconds=round((now - times[-1][0]).total_seconds()))) if times else None,
    }


def main(arguments: Namespace) -> int:
    """Print it as a table, or as JSON for whoever watches."""
    found = status(arguments.output.rstrip("/"), datetime.now(UTC))
    if arguments.json:
        json.dump(found, sys.stdout)
        print()
        return 0
    unknown = "not known yet"
    rows = [(name, unknown if value is None else value) for name, value in found.items()]
    rows = [
        (name, f"{value} ago" if name == "last shard" and value != unknown else value) for name, value in rows
    ]
    options.table(f"{arguments.output}: {found['state']}", rows[1:])
    return 0


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument(
        "output", metavar="OUT", help="the output of jobs.anonymize: a folder or an s3:// prefix"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options.run(main, parser)
