"""Verify: proves a finished dataset from its own bytes. `python -m jobs.verify OUT`

Every planned clip is there exactly once, as released, quarantined or failed; every released clip is the one that
was certified and passed its gates; nothing else lies in the output. Exit status 0 if all of it holds, 1 if
anything does not, 2 if there is no dataset to verify.
"""

import re
from argparse import Namespace
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import ray
from rich.console import Console
from rich.table import Table

from cluster import books, session, store
from jobs import options
from operators.check import REDO, Checked, check_shard
from operators.sink import VERDICTS, total
from schemas.errors import UserError
from schemas.manifest import Breach
from schemas.policy import Policy
from schemas.profile import Profile

BESIDE = re.compile(r"dataset\.json|report\.html|checkpoint/[0-9a-f]{32}-\d{8}\.parquet")
AGAIN = "Run jobs.anonymize again with the same plan and settings"


def read(output: str) -> dict[str, Any]:
    """OUT/dataset.json. Raises UserError if there is none."""
    dataset = books.read_dataset(output)
    if dataset is None:
        problem = "holds no dataset.json, so there is no dataset to verify"
        raise UserError(output, problem, "Give the output of jobs.anonymize")
    return dataset


def other_settings(dataset: dict[str, Any], profile: Profile, policy: Policy) -> list[Breach]:
    """A breach for each of profile and policy that differs from what the dataset was made with."""
    return [
        Breach("dataset.json", f"names another {name} than {used.name}", "Give the settings of the run")
        for name, used in (("profile", profile), ("policy", policy))
        if dataset[name]["digest"] != used.digest()
    ]


def verify(output: str, dataset: dict[str, Any]) -> list[Breach]:
    """Every breach of the dataset `output`, whose dataset.json is given."""
    certified = {
        "variant": dataset["variant"],
        "profile_digest": dataset["profile"]["digest"],
        "policy_digest": dataset["policy"]["digest"],
    }
    files = set(store.list_files(output))
    found = (re.fullmatch(r"(?:manifest|stats)/([^/]+)\.\w+", path) for path in files)
    checked = _check_all(output, sorted({match[1] for match in found if match}), certified)
    breaches = [breach for shard in checked for breach in shard.breaches]
    breaches += _accounting(output, dataset, checked)
    known = {path for shard in checked for path in shard.files}
    for path in sorted(files - known):
        if not BESIDE.fullmatch(path):
            remedy = "Find out who put it there, and remove it"
            breaches.append(Breach(path, "belongs to no shard of this dataset", remedy))
    return breaches


def _check_all(output: str, shards: list[str], settings: dict[str, str]) -> list[Checked]:
    """Every shard, wherever Ray finds room for it."""
    if not shards:
        return []
    read = partial(store.read_bytes, output)
    rows = ray.data.from_items(
        [{"name": name} for name in shards], override_num_blocks=min(len(shards), 1000)
    )
    checked = rows.map(lambda row: {"checked": check_shard(row["name"], read, settings)}).take_all()
    found = [row["checked"] for row in checked]
    lost = set(shards) - {shard.name for shard in found}
    return found + [
        Checked(name, [Breach(f"stats/{name}.json", "could not be checked", AGAIN)]) for name in lost
    ]


def _accounting(output: str, dataset: dict[str, Any], checked: list[Checked]) -> list[Breach]:
    """What no single shard can show: completeness, uniqueness, and that dataset.json is of these shards."""
    where, breaches = f"{output}/dataset.json", []
    if dataset["state"] != "complete":
        return [Breach(where, "says that the run has not finished", AGAIN)]
    clips = [row for shard in checked for row in shard.clips]
    ids = np.array([row.clip_id for row in clips], np.int64)
    for name, values in (("clip", [row.clip_id for row in clips]), ("key", [row.key for row in clips])):
        twice = [str(value) for value, count in Counter(values).items() if count > 1]
        if twice:
            breaches.append(
                Breach(f"{output}/manifest", f"{name} {', '.join(twice[:3])} is there more than once", REDO)
            )
    if books.id_digest(ids) != dataset["id_digest"]:
        planned = dataset["planned"]["clips"]
        breaches.append(
            Breach(where, f"{planned} clips were planned, not the {ids.size} that the manifests hold", AGAIN)
        )
    stats = sorted((shard for shard in checked if shard.stats), key=lambda shard: shard.name)
    if books.stats_digest([shard.stats_sha256 for shard in stats]) != dataset["stats_digest"]:
        breaches.append(Breach(where, "was written for other shards than those that are here", AGAIN))
    for name, value in total(shard.stats for shard in stats).items():
        if dataset[name] != value:
            breaches.append(
                Breach(where, f"states {name} {dataset[name]}, the shards add up to {value}", AGAIN)
            )
    return breaches


def show(output: str, dataset: dict[str, Any], breaches: list[Breach], console: Console) -> None:
    """The counts, then every breach."""
    table = Table("", "clips", "frames", title=f"Dataset {output}", title_justify="left")
    for name in ("planned", *VERDICTS.values()):
        counts = dataset.get(name, {})
        table.add_row(name, str(counts.get("clips", "?")), str(counts.get("frames", "?")))
    console.print(table)
    for breach in breaches:
        console.print(
            f"[red]breach[/] {breach.where}: {breach.problem}. {breach.remedy}.",
            highlight=False,
            soft_wrap=True,
        )
    verdict = (
        f"[red]{len(breaches)} breaches: this dataset must not be published[/]"
        if breaches
        else "[green]verified[/]"
    )
    console.print(verdict)


def main(arguments: Namespace) -> int:
    """Verify, and say what was found."""
    output = arguments.output.rstrip("/")
    dataset = read(output)
    breaches = other_settings(dataset, *options.read_settings(arguments)) if arguments.same_settings else []
    session.start()
    breaches += verify(output, dataset)
    show(output, dataset, breaches, Console())
    return 1 if breaches else 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("output", metavar="OUT", help="the dataset: a folder or an s3:// prefix")
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument(
        "--same-settings",
        action="store_true",
        help="also demand that it was made with this profile, policy and overrides, and no others",
    )
    options.run(main, parser)
