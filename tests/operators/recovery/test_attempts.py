"""Attempts: what ends its worker again and again is not tried for ever, and nothing is tried without a record."""

import subprocess
import sys
from pathlib import Path

import pytest

from operators.recovery.attempts import LIMIT, LOST, Attempts, Exhausted, Unrecorded, forget, stopped
from operators.recovery.fail_closed import each
from schemas.clip import FailedClip
from tests.cluster.toy import make_ref


def die(attempts: Attempts, stage: str, clip_id: int) -> None:
    """Leave what a process leaves that dies over a clip."""
    attempts._mark(stage, clip_id)


@pytest.fixture
def attempts(place: str) -> Attempts:
    return Attempts(60, place)


def test_the_attempt_after_the_last_is_refused(attempts: Attempts) -> None:
    for _ in range(LIMIT):
        die(attempts, "condition", -5)
    with (
        pytest.raises(Exhausted, match="3 attempts ended with the worker"),
        attempts.attempt("condition", -5),
    ):
        raise AssertionError("a fourth attempt")
    for stage, clip_id in (("regenerate", -5), ("condition", 5)):
        with attempts.attempt(stage, clip_id):
            pass


def test_an_attempt_that_ends_clears_what_died_before(attempts: Attempts) -> None:
    for _ in range(2 * LIMIT):
        die(attempts, "audit", 1)
        with pytest.raises(ZeroDivisionError), attempts.attempt("audit", 1):
            raise ZeroDivisionError


def test_forgotten_marks_leave_nothing_behind(attempts: Attempts, place: str) -> None:
    for _ in range(LIMIT):
        die(attempts, "audit", 1)
    forget(place)
    forget(place)
    for _ in range(LIMIT):
        die(attempts, "audit", 1)


def test_a_clip_whose_attempts_are_used_up_is_failed(attempts: Attempts) -> None:
    used, other = make_ref(1), make_ref(2)
    for _ in range(LIMIT):
        die(attempts, "audit", used.clip_id)
    failed, done = each("audit", lambda row: row, [used, other], attempts)
    assert isinstance(failed, FailedClip) and failed.stage == "audit" and "3 attempts" in failed.reason
    assert done is other


def test_nothing_is_tried_without_a_record(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    attempts, tried = Attempts(60, f"{tmp_path}/out"), list[object]()
    with pytest.raises(Unrecorded):
        each("audit", tried.append, [make_ref(1)], attempts)
    assert not tried


def test_an_ordered_stop_counts_against_no_clip(place: str) -> None:
    """However often: its own last mark goes, those of workers that died while it lived stay."""
    for number in range(2 * LOST):
        run = Attempts(60, place, f"run {number}")
        die(run, "audit", 1)
        stopped(place, f"run {number}")
    assert not Attempts(60, place, "last").ended_badly("audit", 1)
    died = Attempts(60, place, "died")
    for _ in range(LIMIT):
        die(died, "audit", 1)
    stopped(place, "another")
    with pytest.raises(Exhausted):
        die(died, "audit", 1)
    stopped(place, "died")
    die(died, "audit", 1)
    with pytest.raises(Exhausted):
        die(died, "audit", 1)


def test_lost_machines_and_runs_count_up_to_a_limit_of_their_own(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(LOST):
        monkeypatch.setattr("operators.recovery.attempts.place", lambda number=number: f"node {number}")
        die(Attempts(60, place, "run"), "audit", 1)
    with pytest.raises(Exhausted, match=f"{LOST} attempts ended with their worker, machine or run"):
        die(Attempts(60, place, "run"), "audit", 1)
    for number in range(LOST):
        die(Attempts(60, place, f"run {number}"), "condition", 1)
    with pytest.raises(Exhausted, match="machine or run"):
        die(Attempts(60, place, "one more"), "condition", 1)


LIMITS = """
import sys, threading, time
from operators.recovery.attempts import time_limit

def beside(seconds, works):
    with time_limit(seconds):
        time.sleep(works)

ours, theirs, they_work, we_work = map(float, sys.argv[1:])
with time_limit(ours):
    thread = threading.Thread(target=beside, args=(theirs, they_work))
    thread.start()
    time.sleep(we_work)
    thread.join()
"""


@pytest.mark.parametrize(
    ("ours", "theirs", "they_work", "we_work", "ended"),
    [
        (60, 60, 0.1, 0.1, False),
        (0.5, 60, 0.1, 30, True),  # theirs is over, and ours holds
        (60, 0.5, 30, 0.1, True),
        (60, 3, 0.1, 4, False),  # theirs is over, and no alarm of it is left
    ],
)
def test_limits_of_several_threads_hold_at_once(
    ours: float, theirs: float, they_work: float, we_work: float, ended: bool
) -> None:
    command = [sys.executable, "-c", LIMITS, *map(str, (ours, theirs, they_work, we_work))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=25, check=False)
    assert (done.returncode == 1) == ended and ("Timeout" in done.stderr) == ended, done.stderr
