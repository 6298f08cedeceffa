"""What jobs.anonymize says in the end: how every clip ended, and which gates refused how many."""

import json
from collections import Counter
from typing import Any

from jobs import options
from operators.release import reader
from schemas.certificate import Gate


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
        print(
            f"Why, clip by clip: python -m jobs.status {output} --clip KEY --plan PLAN; keys: {output}/quarantine"
        )


def refusals(output: str) -> Counter[str]:
    """How many quarantined clips each gate refused; a clip counts for each of its gates."""
    rows = reader.read_columns(reader.parquet_files(output, "quarantine"), ["gates"]).to_pylist()
    held = [json.loads(row["gates"] or "[]") for row in rows]
    return Counter(gate["name"] for gates in held for gate in gates if not passed(gate))


def passed(gate: dict[str, Any]) -> bool:
    """Of a gate as it stands in OUT/quarantine, where a score is text."""
    return Gate(**gate | {"score": float(gate["score"])}).passed
