"""Status: how far a run is, from its output alone. `python -m jobs.status OUT`

Works on a running, a finished and a dead run alike, from anywhere that can read OUT. Counts are of committed shards;
the rate is that of the newest of them, so a pause before a resumption does not count.
"""

import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs import options
from operators import storage
from operators.release import reader
from operators.release.accounts import VERDICTS, Total
from operators.release.layout import CHECKPOINT, committed

RECENT = 20  # shards whose pace is taken for the run's


def status(output: str, now: datetime) -> dict[str, Any]:
    """State, counts, clips per hour and time left. Raises UserError if `output` is no dataset."""
    dataset = reader.require_dataset(output, "no run was begun there")
    times = sorted(
        (moment, name)
        for path, moment in storage.modified(storage.join(output, CHECKPOINT)).items()
        if (name := committed(f"{CHECKPOINT}/{path}"))
    )
    recent, names = times[-RECENT:], {name for _, name in times}
    done, shards, paced = Total(), 0, dict.fromkeys((name for _, name in recent[1:]), 0)
    for shard, _ in reader.stats(output):
        if shard["name"] in names:
            done.add(shard)
            shards += 1
        if shard["name"] in paced:
            paced[shard["name"]] = shard["planned"]["clips"]
    rate = None
    if len(recent) > 1 and shards == len(times):
        span = (recent[-1][0] - recent[0][0]).total_seconds()
        rate = sum(paced.values()) / max(span, 1e-3) * 3600
    planned = dataset["planned"]["clips"]
    left = planned - done.clips("planned")
    return {
        "state": dataset["state"],
        "planned": planned,
        "shards": shards,
        **{verdict: done.clips(verdict) for verdict in VERDICTS},
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
        "output", metavar="OUT", help="the output of jobs.anonymize: a folder or an object store's prefix"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options.run(main, parser)
