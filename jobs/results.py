"""What jobs.anonymize says in the end: how every clip ended, and which gates refused how many; and what jobs.export
gave back."""

import json
from collections import Counter
from typing import Any

from cluster.ledger.plans import Plan
from jobs import options
from operators.formats.bags import STATES
from operators.release import reader
from operators.release.consented import consented
from schemas.certificate import Gate
from schemas.policy import Policy

_SHOWN = 5  # keys of clips that were not released


def print_dataset(dataset: dict[str, Any], output: str) -> None:
    """The closing table of a run, from what stands in dataset.json."""
    verdicts = ("planned", "released", "quarantined", "failed")
    rows: list[tuple[str, Any]] = [
        (verdict, f"{dataset[verdict]['clips']} clips, {dataset[verdict]['frames']} frames")
        for verdict in verdicts
    ]
    rows += [
        ("people", f"{dataset['people']}: {dataset['regenerated']} regenerated, {dataset['filled']} filled"),
        ("frames", f"{dataset['frames_masked']} masked, {dataset['frames_painted']} painted over"),
        ("diffusion calls", dataset["diffusion_calls"]),
        ("clips with nothing to replace, bypassed", dataset["bypassed"]),
    ]
    rows += [(f"seconds in {stage}", f"{seconds:.1f}") for stage, seconds in dataset["seconds"].items()]
    rows += [(f"quarantined by {gate}", f"{count} clips") for gate, count in refusals(output).most_common()]
    rows += [("dataset id, revision", f"{dataset['dataset_id']}, {dataset['revision']}")]
    options.table("anonymize", [*rows, ("output", output)])
    if dataset["planned"]["clips"] and not dataset["released"]["clips"]:
        print("Nothing was released: every clip was quarantined or failed.")
    if dataset["quarantined"]["clips"] or dataset["failed"]["clips"]:
        keys = sorted(
            reader.read_columns(reader.parquet_files(output, "quarantine"), ["key"])["key"].to_pylist()
        )
        more = f" and {len(keys) - _SHOWN} more in {output}/quarantine" if len(keys) > _SHOWN else ""
        print(f"Why, clip by clip: python -m jobs.status {output} --clip KEY --plan PLAN")
        print(f"Their keys: {', '.join(keys[:_SHOWN])}{more}")


def print_consents(plan: Plan, output: str, policy: Policy) -> None:
    """Who is listed with a consent and was masked all the same, if there is anybody: nothing else tells."""
    found = consented(plan.files(), output, policy.excepted)
    if found.refused:
        many = f"{found.refused} listed boxes have a consent that the policy does not accept"
        options.say(f"{many}: they were masked (a rule of the policy for person: except)")
    if found.listed > found.spared:
        many = f"{found.listed - found.spared} of {found.listed} boxes listed with an accepted consent were not spared"
        more = f" and {len(found.clips) - _SHOWN} more" if len(found.clips) > _SHOWN else ""
        why = "nobody, or somebody else as well, was seen there (docs/gates.md, who stays)"
        options.say(f"{many}: {why}. Clips: {', '.join(found.clips[:_SHOWN])}{more}")


def refusals(output: str) -> Counter[str]:
    """How many quarantined clips each gate refused; a clip counts for each of its gates."""
    rows = reader.read_columns(reader.parquet_files(output, "quarantine"), ["gates"]).to_pylist()
    held = [json.loads(row["gates"] or "[]") for row in rows]
    return Counter(gate["name"] for gates in held for gate in gates if not passed(gate))


def passed(gate: dict[str, Any]) -> bool:
    """Of a gate as it stands in OUT/quarantine, where a score is text."""
    return Gate(**gate | {"score": float(gate["score"])}).passed


def print_given_back(record: dict[str, Any], target: str) -> None:
    """The closing tables of jobs.export, one for each form that was given back, from what stands in recast.json."""
    tell = {"folders": _folders, "bags": _bags, "videos": _videos, "episodes": _episodes}
    for kind in filter(record.__contains__, tell):
        tell[kind](record, target)


def _episodes(record: dict[str, Any], target: str) -> None:
    """What became of a LeRobot dataset's episodes."""
    counts = Counter(one["state"] for one in record["episodes"])
    rows: list[tuple[str, Any]] = [
        (f"episodes {state}", counts[state]) for state in ("released", "black", "left out")
    ]
    options.table(
        "export", [*rows, ("features left out", ", ".join(record["left_out"]) or "none"), ("dataset", target)]
    )
    for one in record["episodes"]:
        if one["reason"]:
            options.say(f"{one['state']}: episode {one['source']}: {one['reason']}")


def _bags(record: dict[str, Any], target: str) -> None:
    """And of recordings."""
    bags = record["bags"]
    topics = [(name, topic, said) for name, bag in bags.items() for topic, said in bag["topics"].items()]
    rows: list[tuple[str, Any]] = [
        (f"pictures {state}", sum(said[state] for _, _, said in topics)) for state in STATES
    ]
    left = [bag["left_out"] for bag in bags.values()]
    rows += [(f"other {what}, left out", sum(one[what] for one in left)) for what in left[0]]
    options.table(
        "export", [("bags", len(bags)), ("topics of pictures", len(topics)), *rows, ("dataset", target)]
    )
    for name, topic, said in topics:
        for one in said["unreleased"]:
            options.say(f"{one['state']}: {name}: {topic}: {len(one['messages'])} pictures: {one['reason']}")


def _by_state(what: str, given: dict[str, dict[str, Any]]) -> list[tuple[str, Any]]:
    """How many of them ended how, in all that is given back."""
    states = ("released", "gray", "left out")
    return [(f"{what} {state}", sum(said[state] for said in given.values())) for state in states]


def _folders(record: dict[str, Any], target: str) -> None:
    """And of pictures."""
    folders = record["folders"]
    rows = _by_state("pictures", folders)
    options.table("export", [("folders", len(folders)), *rows, ("dataset", target)])
    for name, said in folders.items():
        for one in said["unreleased"]:
            options.say(f"{one['state']}: {name}: {len(one['pictures'])} pictures: {one['reason']}")


def _videos(record: dict[str, Any], target: str) -> None:
    """And of whole videos."""
    videos = record["videos"]
    rows = _by_state("frames", videos)
    made = sum(bool(said["sha256"]) for said in videos.values())
    options.table("export", [("videos", made), ("of", len(videos)), *rows, ("dataset", target)])
    for name, said in videos.items():
        for one in said["unreleased"]:
            options.say(f"{one['state']}: {name}: {one['frames']} frames: {one['reason']}")
