"""Status: how far a run is, from its output alone. `python -m jobs.status OUT`

Works on a running, a finished and a dead run alike, from anywhere that can read OUT. Counts are of committed shards;
the rate is that of the newest of them, so a pause before a resumption does not count. With --clip KEY --plan PLAN it
tells the story of one clip: its source and frames, for whoever holds the plan, and what became of it.
"""

import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pyarrow.compute as pc

from cluster.ledger import lease
from cluster.ledger.plans import Plan
from jobs import options
from operators import storage
from operators.release import reader
from operators.release.accounts import VERDICTS, Total
from operators.release.layout import CHECKPOINT, committed
from schemas.certificate import Gate
from schemas.errors import UserError

RECENT = 20  # shards whose pace is taken for the run's


def status(output: str, now: datetime) -> dict[str, Any]:
    """State, counts, clips per hour and time left. Raises UserError if `output` is no dataset."""
    dataset = reader.require_dataset(output, "no run was begun there")
    reader.require_sayable(output, dataset, ["state", "planned"])
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
    now_it_is, told_by = state(dataset["state"], output, bool(times), now)
    return {
        "state": now_it_is,
        "told by": told_by,
        "planned": planned,
        "shards": shards,
        **{verdict: done.clips(verdict) for verdict in VERDICTS},
        "left": left,
        "clips per hour": None if rate is None else round(rate),
        "time left": str(timedelta(seconds=round(left / rate * 3600))) if rate and left else None,
        "last shard": str(timedelta(seconds=round((now - times[-1][0]).total_seconds()))) if times else None,
    }


def state(written: str, output: str, begun: bool, now: datetime) -> tuple[str, str]:
    """Running (in its first minutes: starting), stopped, dead or complete, and what that is told by: OUT/dataset.json,
    and the lease that a run renews as long as it lives."""
    if written != "running":
        return written, "every planned clip is accounted for"
    owner, until = lease.standing(output)
    if owner and until > now.timestamp():
        return ("running", "its lease is renewed") if begun else ("starting", "no shard is written yet")
    if not owner:
        return "stopped", "no run is at it; the same command again goes on"
    since = (
        datetime.fromtimestamp(until - lease.LASTS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if until else ""
    )
    heard = f"no heartbeat since {since}" if since else "its process is gone"
    return "dead", f"{heard}; the same command again goes on"


def story(output: str, key: str, plan: str) -> list[tuple[str, Any]]:
    """What is known of the clip `key`: what the plan says, if there is one, and its rows of manifest and quarantine.

    Raises UserError if neither knows it.
    """
    which, rows = pc.field("key") == key, list[tuple[str, Any]]()
    if plan:
        columns = ["uri", "first_frame", "overlap", "pts", "time_base_num", "time_base_den", "problem"]
        for ref in reader.read_columns(Plan.of(plan).files(), columns, which).to_pylist():
            first, unit = (
                ref["first_frame"] + ref["overlap"],
                Fraction(ref["time_base_num"], ref["time_base_den"]),
            )
            times = [f"{float(pts * unit):.3f} s" for pts in ref["pts"][ref["overlap"] :]]
            rows.append(("source", ref["uri"]))
            rows.append(("frames", f"{first} to {ref['first_frame'] + len(ref['pts']) - 1}"))
            rows += [("time", f"{times[0]} to {times[-1]}")] if ref["pts"] else []
            rows += [("problem", ref["problem"])] if ref["problem"] else []
    known = ["verdict", "stage", "reason", "shard", "people", "steps"]
    for row in reader.manifest(output, known, which).to_pylist():
        left_out = (
            {"steps"} if row["verdict"] == "released" else {"steps", "people"}
        )  # 0 of who is not released
        rows += [(name, row[name]) for name in known if row[name] not in ("", []) and name not in left_out]
        rows += [("tried", f"{step['name']}: {step['reason']}") for step in row["steps"]]
    files = reader.parquet_files(output, "quarantine")
    for row in reader.read_columns(files, ["remedy", "gates"], which).to_pylist():
        held = [Gate(**gate | {"score": float(gate["score"])}) for gate in json.loads(row["gates"] or "[]")]
        refused = [gate for gate in held if not gate.passed]
        said = ((gate.name, f"{gate.score:.3g}, {gate.direction} {gate.threshold:.3g}") for gate in refused)
        rows += [*((f"gate {name} refused", what) for name, what in said), ("remedy", row["remedy"])]
    if not rows:
        raise UserError(
            f"--clip {key}", "is neither in the plan nor in the output", "Give a key as in OUT/manifest"
        )
    return rows


def main(arguments: Namespace) -> int:
    """Print it as a table, or as JSON for whoever watches."""
    if arguments.clip:
        options.table(arguments.clip, story(arguments.output.rstrip("/"), arguments.clip, arguments.plan))
        return 0
    found = status(arguments.output.rstrip("/"), datetime.now(UTC))
    if arguments.json:
        json.dump(found, sys.stdout)
        print()
        return 0
    unknown = "not known yet"
    found["time left"] = found["time left"] or (None if found["left"] else "nothing is left")
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
    parser.add_argument("--clip", metavar="KEY", help="tell what became of this clip instead")
    parser.add_argument("--plan", default="", help="for --clip: names its source and frames")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options.run(main, parser)
