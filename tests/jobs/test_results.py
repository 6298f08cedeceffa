"""What the closing table of a run says."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.ledger.plans import Plan
from jobs.results import print_consents, print_dataset
from operators.release import reader
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.listed import Listed
from tests.cluster import toy


@pytest.mark.parametrize("clips", [12, 60])
def test_keys_of_what_was_not_released_are_named_and_counted(
    tmp_path: Path, clips: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the command which tells why can be given, and nobody has to read Parquet by eye."""
    plan, output = f"{tmp_path}/plan", f"{tmp_path}/out"
    toy.write_output(plan, output, clips)
    print_dataset(json.loads((tmp_path / "out/dataset.json").read_text()), output)
    said = capsys.readouterr().out.splitlines()[-1]
    rows = reader.manifest(output, ["key", "verdict"]).to_pylist()
    keys = sorted(row["key"] for row in rows if row["verdict"] != "released")
    assert said.startswith("Their keys: ") and all(key in said for key in keys[:5])
    assert (f"and {len(keys) - 5} more in {output}/quarantine" in said) == (len(keys) > 5)


ACCEPTED = toy.POLICY.model_copy(
    update={
        "rules": [
            rule.model_copy(update={"excepted": ["C-1"]}) if rule.what == "person" else rule
            for rule in toy.POLICY.rules
        ]
    }
)
CASES = {
    "all were": (["C-1"] * 3, 3, ""),
    "none was, as somebody else came into the box": (["C-1"] * 3, 0, "3 of 3 boxes listed"),
    "one was not seen": (["C-1"] * 3, 2, "1 of 3 boxes listed"),
    "not accepted": (["C-9"] * 3, 0, "3 listed boxes have a consent that the policy does not"),
    "nobody consents": ([""] * 3, 0, ""),
    "nobody is listed": ([], 0, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_consent_by_which_nobody_was_spared_is_told(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In frames and clips that are released, and of no others: where it is not applied everybody is masked."""
    consents, spared, due = CASES[case]
    plan, output = f"{tmp_path}/plan", f"{tmp_path}/out"
    # The first is of a frame that is context alone.
    rows = [
        Listed(frame, 1, 1, 9, 9, one, "x" if one else "") for frame, one in enumerate(["C-1", *consents])
    ]
    refs = toy.write_plan(plan, 3, files=1)
    refs = [replace(refs[0], listed=rows if consents else []), replace(refs[1], listed=rows), refs[2]]
    (path,) = Path(plan).rglob("clips/**/*.parquet")
    pq.write_table(to_table(refs, ClipRef), path)

    def end(ref: ClipRef) -> toy.Ended:
        if ref.clip_id == refs[1].clip_id:
            return toy.failed(ref)
        made = toy.released(ref, toy.noise(ref), policy=ACCEPTED)
        kept = [replace(one, frame=one.frame - 1) for one in rows[1 : 1 + spared]] if ref.listed else []
        return replace(made, certificate=replace(made.certificate, excepted=kept))

    toy.write_output(plan, output, 3, end=end, policy=ACCEPTED, refs=refs)
    capsys.readouterr()
    print_consents(Plan(plan), output, ACCEPTED)
    said = capsys.readouterr().out
    assert (due in said) and bool(due) == bool(said)
    assert (refs[0].key in said) == ("boxes listed" in due)
