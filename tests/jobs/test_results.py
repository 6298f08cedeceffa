"""What the closing table of a run says."""

import json
from pathlib import Path

import pytest

from jobs.results import print_dataset
from operators.release import reader
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
