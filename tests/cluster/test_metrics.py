"""What a dashboard and a log collector see of a run, and that nothing of a clip's content is in it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import logs, metrics
from schemas.certificate import Gate
from schemas.clip import FailedClip, QuarantinedClip
from tests.cluster import toy
from tests.s3 import free_ports

ROOT = Path(__file__).parents[2]
CANARY = "canary"

RUN = """
import sys
from cluster import session
from tests.cluster import toy
session.start()
toy.write_plan(sys.argv[1] + "/plan", 20)
toy.run(sys.argv[1] + "/plan", sys.argv[1] + "/out")
print("done", flush=True)
session.linger()
"""


def test_a_shard_counts_what_is_in_it() -> None:
    ref, seconds = toy.make_ref(2), {"decode": 1.0, "detect": 2.0, "generate": 8.0, "audit": 0.5}
    passed, stopped = toy.GATE, Gate("copy", "share", 0.5, 0.1, "at most")
    pools = toy.PROFILE.pools
    pools = pools.model_copy(update={"regenerate": pools.regenerate.model_copy(update={"num_gpus": 0.5})})
    rows = [
        replace(toy.released(ref, b"video"), seconds=seconds),
        QuarantinedClip(toy.make_ref(3), "audit", "reason", [passed, stopped], [], {"generate": 2.0}),
        FailedClip(toy.make_ref(4), "condition", "reason", "remedy", {}),
    ]
    counts: metrics.Counts = Counter()
    assert list(metrics.tally(rows, counts, pools)) == rows
    assert +counts == {
        ("recast_clips_total", ("released",)): 1,
        ("recast_clips_total", ("quarantined",)): 1,
        ("recast_clips_total", ("failed",)): 1,
        ("recast_frames_total", ("released",)): 5,
        ("recast_frames_total", ("quarantined",)): 5,
        ("recast_frames_total", ("failed",)): 5,
        ("recast_people_total", ()): 1,
        ("recast_gate_failures_total", ("copy",)): 1,
        ("recast_stage_seconds_total", ("condition",)): 3.0,
        ("recast_stage_seconds_total", ("regenerate",)): 10.0,
        ("recast_stage_seconds_total", ("audit",)): 0.5,
        ("recast_gpu_seconds_total", ("regenerate",)): 5.0,
        ("recast_video_seconds_released_total", ()): 0.5,
    }


def test_a_running_job_can_be_watched(tmp_path: Path) -> None:
    """A scrape of the real exporter after a short run gives what it did; nor there nor in the log is anything of a
    source, and no line of Ray's."""
    (port,) = free_ports(1)
    environment = {**os.environ, "RECAST_METRICS_PORT": str(port), "RECAST_LOG": "json"}
    environment["RECAST_METRICS_LINGER"] = "240"
    command = [sys.executable, "-c", RUN, str(tmp_path / CANARY)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe) as run:
        assert run.stdout is not None
        try:
            while b"done" not in (line := run.stdout.readline()):
                assert line, "the run ended"
            expected = {"released": 16, "quarantined": 2, "failed": 2}
            seen = Counter[str]()
            while seen != expected and run.poll() is None:
                time.sleep(0.5)
                text = scrape(port)
                seen = Counter[str]()  # every worker has counters of its own
                for verdict, value in re.findall(
                    r'^ray_recast_clips_total\{.*verdict="(\w+)".*\} (\S+)$', text, re.M
                ):
                    seen[verdict] += float(value)  # type: ignore[assignment]
            assert seen == expected
        finally:
            run.terminate()
            _, log = run.communicate()
    events = [json.loads(line) for line in log.decode().splitlines() if line.startswith("{")]
    kinds = Counter(event["event"] for event in events)
    assert (events[0]["event"], events[-1]["event"]) == ("begun", "complete")
    assert (events[-1]["planned"], events[-1]["released"]) == (20, 16)
    shards = [event for event in events if event["event"] == "shard"]
    assert sum(event["released"] for event in shards) == 16 and kinds["clip"] == 4, "those of all workers"
    assert CANARY not in "".join(line for line in text.splitlines() if "recast" in line)
    assert CANARY not in json.dumps(events)
    assert not re.search(rb"^(\[|\().*\b[EW]\b.*\.(cc|py):\d+", log, re.M), log


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


class TestLogs:
    def test_off_unless_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.emit("shard", shard="a-1", planned=4)
        assert capsys.readouterr() == ("", "")

    def test_a_line_is_json(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RECAST_LOG", "json")
        logs.emit("clip", clip_id=-5, verdict="quarantined", gates="copy,nobody left")
        line = json.loads(capsys.readouterr().err)
        assert line.pop("time")
        assert line == {"event": "clip", "clip_id": -5, "verdict": "quarantined", "gates": "copy,nobody left"}

    @pytest.mark.parametrize(
        "fields", [{"uri": "x"}, {"reason": "x"}, {"stage": "/videos/a.mp4"}, {"gates": "a@b"}]
    )
    def test_what_is_not_allowed_raises(self, fields: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="not to be logged"):
            logs.emit("clip", **fields)


def test_the_dashboard_asks_for_counters_that_there_are() -> None:
    board = json.loads((ROOT / "cluster/deploy/grafana.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    asked = [re.findall(r"ray_(recast_\w+)", query) for query in queries]
    assert all(asked)
    assert {name for names in asked for name in names} == set(metrics.COUNTERS)
    for query in queries:
        labels = set(re.findall(r"(?:by \(|\{|, )(\w+)(?=\)|=)", query))
        known = {
            label for name in re.findall(r"ray_(recast_\w+)", query) for label in metrics.COUNTERS[name][1]
        }
        assert labels <= known, query
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])


def test_what_cannot_be_counted_is_written_all_the_same() -> None:
    """A rate of 0, a label that nobody knows: one clip without figures, and no shard that cannot be written."""
    ref = toy.make_ref(1)
    rows = [toy.released(replace(ref, fps_num=0), b"x"), toy.released(ref, b"x")]
    counts: metrics.Counts = Counter()
    assert list(metrics.tally(rows, counts, None)) == rows
    assert counts["recast_frames_total", ("released",)] == 10
    metrics.publish(Counter({("recast_nothing_total", ()): 1}))
