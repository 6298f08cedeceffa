"""Attempts: what ends its worker again and again is not tried for ever, and nothing is tried without a record."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operators import storage
from operators.recovery.attempts import LIMIT, LOST, Attempts, Exhausted, Unrecorded, forget, place, stopped
from operators.recovery.fail_closed import each
from operators.recovery.keyed import Keyed, steering_key
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


OWN = Keyed(steering_key(b"the plan's"))


def of_the_same_run(output: str, mark: str) -> bytes:
    """Its lease tells owner and machine."""
    return json.dumps({"run": "run", "place": place()}).encode()


def by_another_key(output: str, mark: str) -> bytes:
    own = {"run": "run", "place": place()}
    by = Keyed(steering_key(b"a stranger's")).sign("attempt", {"mark": mark, **own})
    return json.dumps(own | {"by": by}).encode()


def changed(**change: object) -> Callable[[str, str], bytes]:
    def forge(output: str, mark: str) -> bytes:
        said = {"run": "another", "place": "another"}
        return json.dumps(said | {"by": OWN.sign("attempt", {"mark": mark, **said})} | change).encode()

    return forge


def of(clip: str, stage: str, number: int = 1) -> Callable[[str, str], bytes]:
    """What was seen of another clip, another stage or another number."""

    def copied(output: str, mark: str) -> bytes:
        own = {"run": "run", "place": place()}
        seen = OWN.sign("attempt", {"mark": f"attempts/{clip}.{stage}.{number}", **own})
        return json.dumps(own | {"by": seen}).encode()

    return copied


FORGED: dict[str, Callable[[str, str], bytes]] = {
    "of the same run": of_the_same_run,
    "by another key": by_another_key,
    "of another run": changed(run="run"),
    "of another machine": changed(place=place()),
    "by nobody": changed(by=""),
    "by a number": changed(by=1),
    "by no ASCII": changed(by="\u00e9" * 64),
    "by null": changed(by=None),
    "of another clip": of(f"{2:016x}", "audit"),
    "of another stage": of(f"{1:016x}", "condition"),
    "of another number": of(f"{1:016x}", "audit", LOST + 1),
    **{
        repr(data[:20]): lambda output, mark, data=data: data
        for data in (b"", b"{}", b"[]", b"null", b"1", b"[{", b"\xff", b"[" * 99999, b'{"by": NaN}')
    },
}


@pytest.mark.parametrize("forge", FORGED)
@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_nobody_else_has_a_clip_given_up_untried(place: str, forge: str) -> None:
    """Nor hides which attempts of the run's own have died, nor keeps those of a run that was told to stop."""
    run, tried = Attempts(60, place, "run", OWN), list[object]()
    marks = [f"attempts/{1:016x}.audit.{number}" for number in range(1, LOST + 1)]

    def planted(*left: str) -> None:
        for mark in left:
            storage.write_bytes(place, mark, FORGED[forge](place, mark))

    planted(*marks)
    assert not run.ended_badly("audit", 1)
    each("audit", tried.append, [make_ref(1)], run)
    assert tried
    planted(*marks)
    for number in range(LIMIT):
        die(run, "audit", 1)
        planted(*marks[number + 1 :])
    assert Attempts(60, place, "another", OWN).ended_badly("audit", 1)
    with pytest.raises(Exhausted):
        die(run, "audit", 1)
    stopped(place, "run", OWN)
    planted(*marks[LIMIT - 1 :])
    die(run, "audit", 1)
    with pytest.raises(Exhausted):
        die(run, "audit", 1)


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
