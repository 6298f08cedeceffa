"""What could not be measured is tried again by the same command, and of nothing there is no report."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import jobs.evaluate
from jobs.evaluate import measure, require_measured, require_truth
from operators.evaluation.measure import Places
from operators.evaluation.store import Store
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.config import load
from schemas.errors import UserError
from schemas.evaluation import RECAST, Measured, Ratio
from schemas.profile import Profile
from tests import rows
from tests.cluster import toy
from tests.jobs.small import job

CLIPS = {name: [{"key": f"{name}-0", "shard": "a"}] for name in ("one", "two", "three")}
BROKEN = {"two"}


class Fake:
    """Measures all but those that are broken."""

    asked: list[str] = []  # noqa: RUF012

    def __init__(self, _profile: Profile, store: Store) -> None:
        self.store = store

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        source = row["source"]
        self.asked.append(source)
        lost = [f"{source}-0: DecodeError"] if source in BROKEN else []
        ratios = [] if lost else [Ratio(RECAST, "pose", f"{source}-0", 1, 1)]
        self.store.write(Measured(source, [f"{source}-0"], lost, ratios, [], [], []))
        return row


def test_a_source_is_measured_once_unless_a_clip_of_it_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.evaluate, "Measure", Fake)
    monkeypatch.setattr(Fake, "asked", [])
    profile, store = load(Profile, "cluster/profiles/embedded.yaml"), Store(str(tmp_path), "stamp")
    with rows.here():
        measure(CLIPS, store, profile, {})
        assert sorted(Fake.asked) == sorted(CLIPS)
        BROKEN.clear()
        measure(CLIPS, store, profile, {})
        assert Fake.asked[len(CLIPS) :] == ["two"] and store.whole() == set(CLIPS)
        measure(CLIPS, store, profile, {})
    assert len(Fake.asked) == len(CLIPS) + 1


def test_of_nothing_there_is_no_report() -> None:
    lost = [Measured("a", ["a-0"], ["a-0: DecodeError"], [], [], [], [])]
    with pytest.raises(UserError, match=r"no clip could be measured \(1 DecodeError\)"):
        require_measured(lost, "report")
    require_measured(
        [*lost, Measured("b", ["b-0"], [], [Ratio(RECAST, "pose", "b-0", 1, 1)], [], [], [])], "report"
    )


def test_truth_that_is_not_there_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    refs = [toy.make_ref(number) for number in range(3)]
    (tmp_path / "plan/clips").mkdir(parents=True)
    for ref in refs:
        pq.write_table(to_table([ref], ClipRef), tmp_path / f"plan/clips/{ref.key[:2]}-0.parquet")
    clips = {ref.key.rpartition("-")[0]: [{"key": ref.key, "shard": "a"}] for ref in refs}
    names = {Path(ref.uri).stem for ref in refs}
    for place in (tmp_path / "truth", tmp_path / "nowhere"):
        with pytest.raises(
            UserError, match=rf"holds no NAME\.masks\.npz of {len(names)} of {len(names)} sources"
        ):
            require_truth(Places(f"{tmp_path}/plan", "", str(place)), clips)
        (tmp_path / "truth").mkdir(exist_ok=True)
    for name in names:
        (tmp_path / f"truth/{name}.masks.npz").touch()
    require_truth(Places(f"{tmp_path}/plan", "", f"{tmp_path}/truth"), clips)


@pytest.mark.parametrize("option", ["--sources", "--draw"])
@pytest.mark.parametrize("number", ["-3", "-1", "1.5", "many", ""])
def test_how_many_is_a_whole_number_from_0_on(option: str, number: str) -> None:
    asked = ["--plan", "p", "--output", "o", "--report", "r", f"{option}={number}"]
    done = job("evaluate", *asked)
    assert done.returncode == 2 and "is no whole number" in done.stderr and "Traceback" not in done.stderr
