"""The driver tells of every shard, from the output: of each clip that was not released, and once."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from cluster.ledger.events import Events
from operators import storage
from schemas.certificate import Gate
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.measures import MEASURES
from tests.cluster import toy

STOPPED = Gate("copy", MEASURES["copy"], 0.5, 0.1, "at most")


def ended(ref: ClipRef) -> toy.Ended:
    if ref.clip_id % 5 == 1:
        return QuarantinedClip(ref, "audit", "gate failed: copy", [STOPPED, toy.GATE], [], {})
    if ref.clip_id % 5 == 2:
        return FailedClip(ref, "condition", "the file is empty", "Plan it again", {})
    return toy.released(ref, toy.noise(ref, 0))


def stats(output: str) -> dict[str, dict[str, Any]]:
    names = sorted(storage.list_files(f"{output}/stats"))
    return {name: json.loads(storage.read_bytes(f"{output}/stats", name)) for name in names}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_each_shard_is_told_once_with_its_unreleased_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECAST_LOG", "json")
    output = f"{tmp_path}/out"
    events = Events(output)
    toy.write_output(f"{tmp_path}/plan", output, 12, end=ended)
    capsys.readouterr()
    for name, one in 2 * list(stats(output).items()):
        events.tell(name, one)
    told = lines(capsys)
    shards = [line for line in told if line["event"] == "shard"]
    assert sum(line["released"] for line in shards) + len(told) - len(shards) == 12
    clips = {line["clip_id"]: line for line in told if line["event"] == "clip"}
    assert {line["gates"] for line in clips.values() if line["verdict"] == "quarantined"} == {"copy"}
    assert {(line["stage"], line["gates"]) for line in clips.values() if line["verdict"] == "failed"} == {
        ("condition", "")
    }
    assert all(line["frames"] == 5 for line in clips.values())
    assert len(shards) == len(stats(output)) == len({line["shard"] for line in shards})

    later = Events(output)
    for name, one in stats(output).items():
        later.tell(name, one)
    assert lines(capsys) == [], "a run that goes on does not tell what was there"
    assert pickle.loads(pickle.dumps(later))._told == set()
    copied = copy.deepcopy(later)
    for name, one in stats(output).items():
        copied.tell(name, one)
    assert lines(capsys) == []


def test_nothing_is_told_unless_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = f"{tmp_path}/out"
    events = Events(output)
    toy.write_output(f"{tmp_path}/plan", output, 4, end=ended)
    capsys.readouterr()
    for name, one in stats(output).items():
        events.tell(name, one)
    assert capsys.readouterr().err == ""
